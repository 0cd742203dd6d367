/** Pages that a command asked for, as read-only documents; asking again brings the page up to date. */

import * as vscode from "vscode";

const SCHEME = "offhand";

export class Reports implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly pages = new Map<string, string>();
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);

  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.pages.get(uri.path) ?? "";
  }

  async show(title: string, value: unknown): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: title });
    this.pages.set(uri.path, `${readable(value)}\n`);
    this.changed.fire(uri);
    await vscode.window.showTextDocument(uri, { preview: true });
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }
}

/** Write a JSON value as indented `name: value` lines; a list item starts with a dash. */
function readable(value: unknown, indent = ""): string {
  if (value === null || value === undefined || value === "") return `${indent}-`;
  if (typeof value !== "object") return String(value).replace(/^/gm, indent);
  const entries = Object.entries(value);
  if (entries.length === 0) return `${indent}(none)`;
  if (Array.isArray(value)) {
    return value.map((item) => `${indent}- ${readable(item, `${indent}  `).trimStart()}`).join("\n");
  }
  return entries
    .map(([name, inner]) => {
      const isBranch = inner !== null && typeof inner === "object" && Object.keys(inner).length > 0;
      return isBranch
        ? `${indent}${name}:\n${readable(inner, `${indent}  `)}`
        : `${indent}${name}: ${readable(inner, `${indent}  `).trimStart()}`;
    })
    .join("\n");
}
