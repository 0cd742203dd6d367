// Plays one scenario in a running workbench, as a user would, and prints what was seen as one JSON object.
// Usage: driver.mjs '{"scenario", "url", "file", "notes", "modules", "chromium", "pictures", "text"}'; test_vscode.py judges.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const task = JSON.parse(process.argv[2]);
const { chromium } = createRequire(`${task.modules}/`)("playwright-core");

const LIMIT = 60_000;
const ITEM = '.statusbar-item[id*="offhand.status"]';
const GHOST = ".ghost-text-decoration, .ghost-text-decoration-preview, .ghost-text";

const browser = await chromium.launch({ executablePath: task.chromium, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.setDefaultTimeout(LIMIT);
const seen = { refused: [] };

await page.route("**/*", (route) => {
  const { hostname, protocol, href } = new URL(route.request().url());
  if (hostname === "127.0.0.1" || protocol === "data:" || protocol === "blob:") return route.continue();
  seen.refused.push(href);
  return route.abort();
});

const picture = (name) => page.screenshot({ path: `${task.pictures}/${name}.png` });
const state = () => page.locator(`${ITEM} [aria-label^="Offhand:"]`).first().getAttribute("aria-label");
const ghost = async () => (await page.locator(GHOST).allInnerTexts()).join("").replaceAll("\u00a0", " ");
const text = async () => (await page.locator(".editor-group-container .view-lines").first().innerText()).replaceAll("\u00a0", " ");
const messages = () => page.locator(".notification-list-item-message").allInnerTexts();

async function until(what, look, isIt) {
  const end = Date.now() + LIMIT;
  let last;
  while (Date.now() < end) {
    try {
      last = await look();
      if (isIt(last)) return last;
    } catch (error) {
      last = String(error);
    }
    await page.waitForTimeout(100);
  }
  throw new Error(`waited in vain for ${what}; last seen: ${JSON.stringify(last)}`);
}

async function command(title) {
  await page.keyboard.press("F1");
  await page.keyboard.type(title);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().waitFor();
  await page.keyboard.press("Enter");
}

async function open() {
  await page.goto(task.url, { timeout: LIMIT });
  await page.locator(".monaco-editor .view-lines").first().waitFor();
  await page.locator(ITEM).waitFor();
}

async function type(text) {
  await page.locator(".monaco-editor .view-lines").first().click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(text, { delay: 30 });
}

async function typeAndSeeGhost(text, name) {
  await type(text);
  let before;
  const shown = await until("ghost text that stays", ghost, (value) => {
    const stays = value.trim() !== "" && value === before;
    before = value;
    return stays;
  });
  await picture(name);
  return shown;
}

const scenarios = {
  // Ghost text comes while typing and Tab takes it.
  async accept() {
    await open();
    seen.state = await until("the server to be ready", state, (label) => label === "Offhand: ready");
    seen.ghost = await typeAndSeeGhost(task.text, "ghost");
    await page.keyboard.press("Tab");
    await until("the ghost text to go", ghost, (value) => value.trim() === "" || value !== seen.ghost);
    await page.keyboard.press("Control+S");
    await until("the file to be saved", () => readFileSync(task.file, "utf8"), (text) => text.endsWith(seen.ghost));
    await picture("accepted");
    seen.messages = await messages();
  },

  // The status bar's menu, toggle, and the reports.
  async menu() {
    await open();
    await until("the server to be ready", state, (label) => label === "Offhand: ready");
    await page.locator(ITEM).click();
    await page.locator(".quick-input-list .monaco-list-row").first().waitFor();
    seen.menu = await page.locator(".quick-input-list .monaco-list-row .label-name").allInnerTexts();
    await picture("menu");
    await page.keyboard.press("Escape");
    await command("Offhand: Toggle suggestions");
    seen.off = await until("the item to say disabled", state, (label) => label === "Offhand: disabled");
    await command("Offhand: Toggle suggestions");
    seen.on = await until("the item to say ready", state, (label) => label === "Offhand: ready");
    await command("Offhand: Show status");
    seen.status = await until("the status report", text, (lines) => lines.includes("state:"));
    await picture("status");
    await command("Offhand: Why no suggestion?");
    seen.why = await until("the other report", text, (lines) => !lines.includes("state:") && lines.trim() !== "");
    await command("Offhand: Restart worker");
    await command("Offhand: Restart server");
    await until("the restart", state, (label) => label !== "Offhand: ready");
    seen.restarted = await until("the server to be ready again", state, (label) => label === "Offhand: ready");
    seen.messages = await messages();
  },

  // The server dies: the stub does at this word.
  async crash() {
    await open();
    await until("the server to be ready", state, (label) => label === "Offhand: ready");
    await type("die ");
    await until("the server to be gone", state, (label) => label !== "Offhand: ready");
    await until("the server to be back", state, (label) => label === "Offhand: ready");
    seen.ghost = await typeAndSeeGhost(task.text, "ghost");
    seen.messages = await messages();
  },

  // The cursor goes to the end, writes there, and goes to the beginning; the stub notes what it is told.
  async cursor() {
    const told = () => readFileSync(task.notes, "utf8").trim().split("\n").map((line) => JSON.parse(line)).filter(({ event }) => event === "cursor");
    const isAt = (line, character) => (notes) => {
      const [, lastLine, lastCharacter] = notes.at(-1)?.value ?? [];
      return lastLine === line && lastCharacter === character;
    };
    await open();
    await until("the server to be ready", state, (label) => label === "Offhand: ready");
    await until("the place at the start", told, isAt(0, 0));
    await page.locator(".monaco-editor .view-lines").first().click();
    await page.keyboard.press("Control+End");
    await until("the end", told, isAt(1, 0));
    await page.keyboard.type(task.text, { delay: 30 });
    await page.waitForTimeout(1_000);
    await page.keyboard.press("Control+Home");
    await until("the beginning", told, isAt(0, 0));
    for (let count = 0; count < 3; count++) await page.keyboard.press("ArrowRight");
    await until("some places further on", told, isAt(0, 3));
    seen.messages = await messages();
  },

  // No server can be started: one message, and an item that says so.
  async missing() {
    await open();
    seen.state = await until("the item to say error", state, (label) => label === "Offhand: error");
    await until("a message", messages, (texts) => texts.length > 0);
    await command("Offhand: Show status");
    await until("the command's own message", messages, (texts) => texts.length > 1);
    seen.messages = await messages();
    seen.buttons = await page.locator(".notification-list-item .monaco-button").allInnerTexts();
    await picture("message");
  },
};

try {
  await scenarios[task.scenario]();
} catch (error) {
  seen.error = String(error);
  seen.messages = await messages().catch(() => []);
  await picture("failed").catch(() => {});
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
