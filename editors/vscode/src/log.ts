/** The output channels: one log for client and server, one page for reports that a command asked for. */

import * as vscode from "vscode";

export function createLog(): vscode.LogOutputChannel {
  return vscode.window.createOutputChannel("Offhand", { log: true });
}

/** Write a JSON value as indented `name: value` lines; a list item starts with a dash. */
export function readable(value: unknown, indent = ""): string {
  if (value === null || value === undefined) return `${indent}-`;
  if (typeof value !== "object") return String(value).replace(/^/gm, indent);
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return `${indent}${isList ? "(none)" : "-"}`;
  return entries
    .map(([name, inner]) => {
      const lead = isList ? "-" : `${name}:`;
      const isLeaf = inner === null || typeof inner !== "object" || Object.keys(inner).length === 0;
      const text = isLeaf ? readable(inner) : "";
      if (isLeaf && !text.includes("\n")) return `${indent}${lead} ${text}`;
      return `${indent}${lead}\n${readable(inner, `${indent}  `)}`;
    })
    .join("\n");
}
