/**
 * What the user has set, in the form the server wants it. The names, types and defaults stand in package.json, which a
 * test compares with the server's own schema.
 */

import * as vscode from "vscode";

export const SECTION = "offhand";

/** Settings that only the extension reads. Both have machine scope: a folder cannot set them. */
const OWN = ["command", "interpreter"] as const;

export function command(): readonly string[] {
  return vscode.workspace.getConfiguration(SECTION).get<string[]>("command", []);
}

export function interpreter(): string {
  return vscode.workspace.getConfiguration(SECTION).get<string>("interpreter", "").trim();
}

export function decidesWhatStarts(change: vscode.ConfigurationChangeEvent): boolean {
  return OWN.some((name) => change.affectsConfiguration(`${SECTION}.${name}`));
}

/**
 * Whether the completion menu is to offer the suggestion too. VS Code asks for the menu before it asks for ghost text,
 * and an open menu keeps ghost text away; so "auto" is settled here, where it is known whether ghost text is on.
 */
export function wantsMenu(document: vscode.TextDocument): boolean {
  const popup = vscode.workspace.getConfiguration(SECTION).get<string>("popup");
  const hasGhostText = vscode.workspace.getConfiguration("editor", document).get<boolean>("inlineSuggest.enabled");
  return popup === "auto" ? !hasGhostText : popup === "always";
}

/**
 * The server's settings that the user or the workspace has given a value. Those left alone are absent, so that a value
 * in the server's own settings file is not overruled by a default.
 *
 * `known` are the names that the running server was told before: one that has been reset since is sent with its default,
 * as the server keeps what it was told at its start.
 */
export function serverSettings(manifest: unknown, known: Iterable<string> = []): Record<string, unknown> {
  const { properties } = (manifest as Manifest).contributes.configuration;
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const told = new Set(known);
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(properties)) {
    const name = key.slice(SECTION.length + 1);
    if ((OWN as readonly string[]).includes(name)) continue;
    const places = configuration.inspect(name);
    const isSet = [places?.globalValue, places?.workspaceValue, places?.workspaceFolderValue].some(
      (value) => value !== undefined,
    );
    // The effective value, not the one found: in a folder that is not trusted VS Code hides some of the folder's.
    if (isSet || told.has(name)) values[name] = configuration.get(name);
  }
  return values;
}

interface Manifest {
  contributes: { configuration: { properties: Record<string, unknown> } };
}
