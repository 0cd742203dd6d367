/** Starts, watches and stops the server. Knows the protocol's library; does not know the user interface's commands. */

import * as fs from "node:fs";
import * as readline from "node:readline";
import * as vscode from "vscode";
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  State,
} from "vscode-languageclient/node";

import { type Program, type Surroundings, locate } from "./locate";
import { SECTION, serverSettings, wantsMenu } from "./settings";
import { CURSOR_NOTIFICATION, MORE_NOTIFICATION, STATUS_NOTIFICATION, type Status, type StatusItem } from "./status";

/** Languages that the server serves, by VS Code's ids; activationEvents in package.json names the same ones. */
const LANGUAGES = [
  "python", "javascript", "javascriptreact", "typescript", "typescriptreact", "go", "rust", "c",
  "cpp", "java", "csharp", "ruby", "php", "lua", "shellscript", "html", "css", "sql", "yaml",
  "toml",
];

const SELECTOR = LANGUAGES.flatMap((language) => ["file", "untitled"].map((scheme) => ({ scheme, language })));

/** A server that dies more often than this within the window (ms) is left dead. */
const MAX_CRASHES = 3;
const CRASH_WINDOW = 3 * 60_000;

/** The library's pop-ups are left out: `Server.report` shows one message instead, with what to do. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export class Server {
  private client: LanguageClient | undefined;
  private crashes: number[] = [];
  /** The settings that the running server was last told. */
  private told: Record<string, unknown> = {};
  /** The last line that the server wrote beside the protocol: if it dies, the best there is to show. */
  private lastWords = "";
  private lastReported: string | undefined;
  /** Counts the starts, so that one that was overtaken notices. */
  private generation = 0;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly status: StatusItem,
  ) {}

  get alive(): boolean {
    return this.client?.state === State.Running;
  }

  /** Find the program again and start it in place of the one that runs, if any. Failures are reported, not thrown. */
  async restart(): Promise<void> {
    const generation = ++this.generation;
    this.status.show({ state: this.client ? "restarting" : "starting" });
    await this.disconnect();
    try {
      const surroundings = this.surroundings();
      const program = await locate(surroundings);
      if (generation !== this.generation) return;
      this.log.info(`Starting ${[program.file, ...program.args].join(" ")}`);
      const client = this.connect(program, surroundings);
      this.client = client;
      await client.start().catch((error: unknown) => {
        this.log.error(String(error));
        throw new Error(`The Offhand server did not start. ${this.lastWords || String(error)}`);
      });
      this.lastReported = undefined;
      this.tellCursor();
    } catch (error) {
      if (generation === this.generation) this.report(error instanceof Error ? error.message : String(error));
    }
  }

  /** As `restart`, on the user's wish: earlier crashes are forgiven, and a failure is shown even if it was before. */
  async restartByHand(): Promise<void> {
    this.crashes = [];
    this.lastReported = undefined;
    await this.restart();
  }

  async stop(): Promise<void> {
    this.generation++;
    await this.disconnect();
  }

  /** Run one of the server's own commands. */
  async execute(command: string, ...parameters: unknown[]): Promise<unknown> {
    const client = this.client;
    if (client?.state !== State.Running) throw new Error("The Offhand server is not running.");
    try {
      return await client.sendRequest(ExecuteCommandRequest.type, { command, arguments: parameters });
    } catch (error) {
      if (client.state === State.Running) throw error;
      throw new Error("The Offhand server ended before it answered.");
    }
  }

  sendSettings(): void {
    if (!this.client || !this.alive) return;
    const settings = { [SECTION]: this.settings() };
    void this.client.sendNotification(DidChangeConfigurationNotification.type, { settings });
  }

  /** Tell the server where the cursor of the active editor is, if there is one whose document it serves. */
  tellCursor(): void {
    const { client } = this;
    const editor = vscode.window.activeTextEditor;
    if (!client || !this.alive || !editor || !vscode.languages.match(SELECTOR, editor.document)) return;
    if (editor.selections.length > 1 || !editor.selection.isEmpty) return;
    const place = client.code2ProtocolConverter.asTextDocumentPositionParams(editor.document, editor.selection.active);
    client.sendNotification(CURSOR_NOTIFICATION, place).catch((error) => this.log.debug(String(error)));
  }

  /** Show a failure: in the status bar and the log always, as a message only if it is not the one shown last. */
  private report(message: string): void {
    this.log.error(message);
    this.status.show({ state: "error", message });
    if (message === this.lastReported) return;
    this.lastReported = message;
    void vscode.window.showErrorMessage(message, "Open settings", "Show log").then((choice) => {
      if (choice === "Open settings") {
        void vscode.commands.executeCommand("workbench.action.openSettings", `${SECTION}.command`);
      } else if (choice === "Show log") this.log.show();
    });
  }

  private async disconnect(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // A client that never came up refuses to be stopped, but ends its process all the same.
    await client?.dispose().catch((error) => this.log.debug(String(error)));
  }

  private settings(): Record<string, unknown> {
    this.told = serverSettings(this.context.extension.packageJSON, Object.keys(this.told));
    return this.told;
  }

  private surroundings(): Surroundings {
    const cwd = this.context.globalStorageUri.fsPath;
    fs.mkdirSync(cwd, { recursive: true });
    return { cwd, env: { ...process.env, PYTHONSAFEPATH: "1" } };
  }

  private connect(program: Program, surroundings: Surroundings): LanguageClient {
    this.told = {};
    this.lastWords = "";
    const options: LanguageClientOptions = {
      documentSelector: SELECTOR,
      initializationOptions: () => this.settings(),
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationFailedHandler: () => false,
      stdioOptions: {
        stderr: (input) =>
          void readline.createInterface({ input }).on("line", (line) => {
            this.log.info(line);
            this.lastWords = line.trim() || this.lastWords;
          }),
        stdout: () => {}, // The protocol's, and read by the library.
      },
      errorHandler: {
        error: (_error, _message, count) => ({
          action: (count ?? 0) <= 3 ? ErrorAction.Continue : ErrorAction.Shutdown,
          handled: true,
        }),
        closed: () => {
          if (client === this.client) this.recover(client.initializeResult !== undefined);
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: {
        provideCompletionItem: (document, position, context, token, next) =>
          wantsMenu(document) ? next(document, position, context, token) : undefined,
        workspace: {
          // The library would send all that stands below the section, the extension's own settings included.
          configuration: ({ items }) => items.map(({ section }) => (section === SECTION ? this.settings() : null)),
        },
      },
    };
    const client = new QuietClient(
      SECTION,
      "Offhand",
      { command: program.file, args: [...program.args], options: surroundings },
      options,
    );
    client.onNotification(STATUS_NOTIFICATION, (status: Status) => {
      if (client === this.client) this.status.show(status);
    });
    client.onNotification(MORE_NOTIFICATION, ({ uri }: { uri: string }) => {
      // The suggestion on the screen has got further lines; asked again, the server has them at hand.
      const shown = vscode.window.activeTextEditor?.document.uri;
      if (client === this.client && shown && client.code2ProtocolConverter.asUri(shown) === uri) {
        void vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
      }
    });
    return client;
  }

  /** The server is gone and nobody asked it to go. One that never answered is reported by `restart`. */
  private recover(hadStarted: boolean): void {
    if (!hadStarted) return;
    const now = Date.now();
    this.crashes = [...this.crashes.filter((time) => now - time < CRASH_WINDOW), now];
    if (this.crashes.length <= MAX_CRASHES) void this.restart();
    else {
      this.report(
        `The Offhand server ended ${this.crashes.length} times within three minutes and is not started again. ` +
          `'Offhand: Restart server' tries once more. ${this.lastWords}`,
      );
    }
  }
}
