/**
 * Tells the server where the cursor rests after it was moved without an edit, and which document has come to the front,
 * so that it can work ahead there. Says nothing while somebody types or selects.
 */

import * as vscode from "vscode";

import type { Server } from "./server";

/** How long the cursor must rest (ms): a key held down moves it some 30 times a second. */
const REST = 100;

export class CursorWatch implements vscode.Disposable {
  private readonly registrations: vscode.Disposable[];
  private pending: NodeJS.Timeout | undefined;
  private lastEdit = 0;

  constructor(private readonly server: Server) {
    this.registrations = [
      vscode.window.onDidChangeActiveTextEditor(() => this.tellSoon()),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
        // VS Code does not say whether an edit moved the cursor; but it reports the edit just before.
        const isTyping = Date.now() - this.lastEdit < REST;
        if (textEditor === vscode.window.activeTextEditor && !isTyping) this.tellSoon();
      }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (document !== vscode.window.activeTextEditor?.document || contentChanges.length === 0) return;
        this.lastEdit = Date.now();
        clearTimeout(this.pending);
      }),
    ];
  }

  private tellSoon(): void {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => this.server.tellCursor(), REST);
  }

  dispose(): void {
    clearTimeout(this.pending);
    for (const registration of this.registrations) registration.dispose();
  }
}
