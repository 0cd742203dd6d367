/**
 * Finds the program to start. Never looks into the opened folder, except for the Python that is selected there, and
 * that only when the folder is trusted.
 */

import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";

import * as settings from "./settings";

export interface Program {
  file: string;
  args: readonly string[];
}

/** Nothing can be started; the message says why and what to do. */
export class NotFound extends Error {}

/** Exits with 0 if the package is there; imports no more than the parents of the module that serves. */
const PROBE = "import importlib.util as u; raise SystemExit(u.find_spec('lsp_server.cli.main') is None)";
const SERVE = ["-m", "lsp_server.cli.main", "serve"];
const PROBE_TIMEOUT_MS = 20_000;

/**
 * The folder and environment of everything that is started. Python puts the current folder on its module path, so
 * neither may be under the control of the opened folder.
 */
export interface Surroundings {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/** Return the first of: the command setting, the interpreter setting, `offhand` on PATH, the selected Python. */
export async function locate(surroundings: Surroundings): Promise<Program> {
  const [name, ...args] = settings.command();
  if (name !== undefined) {
    const file = which(name);
    if (file) return { file, args };
    throw new NotFound(
      `The program '${name}' of the setting offhand.command does not exist. Give its full path, or a name on PATH.`,
    );
  }

  const python = settings.interpreter();
  if (python) {
    const file = which(python);
    if (!file) throw new NotFound(`The Python '${python}' of the setting offhand.interpreter does not exist.`);
    if (await hasOffhand(file, surroundings)) return { file, args: SERVE };
    throw new NotFound(`The Python '${file}' has no Offhand. Install it there, or set offhand.command.`);
  }

  const script = which("offhand");
  if (script) return { file: script, args: ["serve"] };

  const selected = vscode.workspace.isTrusted ? await selectedPython() : undefined;
  if (selected && (await hasOffhand(selected, surroundings))) return { file: selected, args: SERVE };

  const selectedPart = selected ? `, and the selected Python (${selected}) does not have it` : "";
  throw new NotFound(
    `The Offhand server was not found: there is no 'offhand' on PATH${selectedPart}. ` +
      "Install it, or set offhand.command.",
  );
}

/** Return the absolute path of a program. Relative paths, also in PATH, are refused: they would lead into the folder. */
function which(name: string): string | undefined {
  const suffixes = process.platform === "win32" && !/\.(exe|com)$/i.test(name) ? [".exe", ".com"] : [""];
  const isBare = !name.includes("/") && !name.includes(path.sep);
  const folders = isBare ? (process.env.PATH ?? "").split(path.delimiter) : [""];
  return folders
    .flatMap((folder) => suffixes.map((suffix) => (folder ? path.join(folder, name) : name) + suffix))
    .find((file) => path.isAbsolute(file) && isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function hasOffhand(python: string, surroundings: Surroundings): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(python, ["-c", PROBE], { ...surroundings, timeout: PROBE_TIMEOUT_MS }, (error) => resolve(!error));
  });
}

/** The part of the Python extension's public interface that is used here. */
interface PythonApi {
  environments: {
    getActiveEnvironmentPath(): { path: string };
    resolveEnvironment(environment: { path: string }): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
  };
}

async function selectedPython(): Promise<string | undefined> {
  try {
    const api = (await vscode.extensions.getExtension<PythonApi>("ms-python.python")?.activate())?.environments;
    if (!api) return undefined;
    return (await api.resolveEnvironment(api.getActiveEnvironmentPath()))?.executable.uri?.fsPath;
  } catch {
    return undefined; // Another extension's failure is not ours to report; the search goes on without it.
  }
}
