/**
 * The commands of the palette and of the status bar's menu. Their ids begin with `offhand.ui.`: the plain `offhand.`
 * ids belong to the server, whose commands the protocol's library registers under the server's own names.
 */

import * as vscode from "vscode";

import { Reports } from "./report";
import type { Server } from "./server";
import { SECTION } from "./settings";

export function registerCommands(server: Server, log: vscode.LogOutputChannel): vscode.Disposable[] {
  const reports = new Reports();

  const actions: Record<string, () => unknown> = {
    toggle: async () => {
      const { enabled } = (await server.execute("offhand.toggle")) as { enabled: boolean };
      vscode.window.setStatusBarMessage(`Offhand: suggestions are ${enabled ? "on" : "off"}`, 3_000);
    },
    why: async () => reports.show("Offhand: the last requests", await server.execute("offhand.why")),
    context: async () => reports.show("Offhand: context at the cursor", await context(server)),
    status: async () => reports.show("Offhand: status", await server.execute("offhand.status")),
    restartWorker: () => server.execute("offhand.restartWorker"),
    restartServer: () => server.restartByHand(),
    log: () => log.show(),
    menu: showMenu,
  };

  const registered = Object.entries(actions).map(([name, action]) =>
    vscode.commands.registerCommand(`offhand.ui.${name}`, async () => {
      try {
        await action();
      } catch (error) {
        log.error(`offhand.ui.${name}: ${String(error)}`);
        const choice = await vscode.window.showWarningMessage(
          error instanceof Error ? error.message : String(error),
          "Restart server",
          "Show log",
        );
        if (choice === "Restart server") await server.restartByHand();
        if (choice === "Show log") log.show();
      }
    }),
  );
  return [reports, ...registered];
}

/** What the model would see at the cursor: the pieces of other files with their reasons, then the prompt. */
async function context(server: Server): Promise<unknown> {
  const editor = vscode.window.activeTextEditor;
  if (!editor) throw new Error("Offhand: open a file first.");
  const { line, character } = editor.selection.active;
  const place = { textDocument: { uri: editor.document.uri.toString() }, position: { line, character } };
  const { error, snippets, tokens, prompt } = (await server.execute("offhand.context", place)) as Record<string, unknown>;
  return error ?? { tokens, snippets, prompt };
}

const MENU: readonly (vscode.QuickPickItem & { command: string; argument?: string })[] = [
  { label: "$(circle-slash) Toggle suggestions", command: "offhand.ui.toggle" },
  { label: "$(question) Why no suggestion?", command: "offhand.ui.why" },
  { label: "$(list-tree) What the model sees here", command: "offhand.ui.context" },
  { label: "$(info) Show status", command: "offhand.ui.status" },
  { label: "$(debug-restart) Restart worker", command: "offhand.ui.restartWorker" },
  { label: "$(refresh) Restart server", command: "offhand.ui.restartServer" },
  { label: "$(output) Show log", command: "offhand.ui.log" },
  { label: "$(gear) Settings", command: "workbench.action.openSettings", argument: `${SECTION}.` },
];

async function showMenu(): Promise<void> {
  const choice = await vscode.window.showQuickPick(MENU, { title: "Offhand" });
  if (choice) await vscode.commands.executeCommand(choice.command, ...(choice.argument ? [choice.argument] : []));
}
