/** Wires the parts together. Everything else has a file of its own. */

import * as vscode from "vscode";

import { registerCommands } from "./commands";
import { CursorWatch } from "./cursor";
import { createLog } from "./log";
import { Server } from "./server";
import { SECTION, decidesWhatStarts } from "./settings";
import { StatusItem } from "./status";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = createLog();
  const status = new StatusItem();
  const running = new Server(context, log, status);
  server = running;
  context.subscriptions.push(
    log,
    status,
    ...registerCommands(running, log),
    new CursorWatch(running),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (decidesWhatStarts(change)) void running.restart();
      else if (change.affectsConfiguration(SECTION)) running.sendSettings();
    }),
    // Trust adds the selected Python as a place to find the server, so a search that failed may now succeed.
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      if (!running.alive) void running.restart();
    }),
  );
  await running.restart();
}

export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}
