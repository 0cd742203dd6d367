/** The status bar item: shows what the server says of itself; a click opens the menu. */

import * as vscode from "vscode";

/** The server's notification `offhand/status`. */
export interface Status {
  state: "starting" | "loading" | "ready" | "busy" | "disabled" | "error" | "restarting";
  message?: string | null;
  model?: string | null;
}

export const STATUS_NOTIFICATION = "offhand/status";

/** The server's notification that the suggestion which is shown has got more lines. */
export const MORE_NOTIFICATION = "offhand/more";

/** The client's notification that the cursor was moved without an edit, or that a document has come to the front. */
export const CURSOR_NOTIFICATION = "offhand/cursor";

const ICONS: Record<Status["state"], string> = {
  starting: "$(loading~spin)",
  loading: "$(loading~spin)",
  restarting: "$(loading~spin)",
  ready: "$(check)",
  busy: "$(sync~spin)",
  disabled: "$(circle-slash)",
  error: "$(error)",
};

/** Most requests are answered sooner than this (ms); showing each as busy would make the item flicker while typing. */
const BUSY_AFTER = 400;

export class StatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private pending: NodeJS.Timeout | undefined;

  constructor() {
    this.item = vscode.window.createStatusBarItem("offhand.status", vscode.StatusBarAlignment.Right, 100);
    this.item.name = "Offhand";
    this.item.command = "offhand.ui.menu";
  }

  show(status: Status): void {
    clearTimeout(this.pending);
    if (status.state === "busy") this.pending = setTimeout(() => this.render(status), BUSY_AFTER);
    else this.render(status);
  }

  private render({ state, message, model }: Status): void {
    // A newer server may know states that this extension does not.
    this.item.text = `${ICONS[state] ?? "$(info)"} Offhand`;
    this.item.tooltip = [`Offhand: ${state}`, message, model && `Model: ${model}`].filter(Boolean).join("\n");
    this.item.accessibilityInformation = { label: `Offhand: ${state}`, role: "button" };
    this.item.backgroundColor =
      state === "error" ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    this.item.show();
  }

  dispose(): void {
    clearTimeout(this.pending);
    this.item.dispose();
  }
}
