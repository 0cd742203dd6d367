/** The log channel, shared by extension and server. */

import * as vscode from "vscode";

export function createLog(): vscode.LogOutputChannel {
  return vscode.window.createOutputChannel("Offhand", { log: true });
}
