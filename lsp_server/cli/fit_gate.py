"""``offhand bench fit-gate``: the gate's numbers, from measured cases."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.base.errors import OffhandError

if TYPE_CHECKING:
    from lsp_server.bench.fit_gate import Judged
    from lsp_server.bench.lines import Case


def add(benches: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = benches.add_parser(
        "fit-gate",
        help="fit the gate, which decides what is shown, to cases of 'lines'",
        description="Fit the probability that a suggestion is right to measured cases, and choose from where on each "
        "mode shows it. Each workspace is judged by a fit to the others.",
    )
    parser.add_argument(
        "cases", nargs="+", type=Path, metavar="CASES.jsonl", help="what 'lines --cases' wrote"
    )
    parser.add_argument(
        "--report-on",
        nargs="+",
        type=Path,
        default=[],
        metavar="CASES.jsonl",
        help="judge the result by cases of other workspaces too",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE.json",
        help="write the numbers, such as to 'gate.json' in the model's folder; each CASES.jsonl then needs the "
        "same run's report ('lines --json') beside it as CASES.json, which tells what was measured",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fit, print what it is worth, write it where that is wanted."""
    import msgspec

    from lsp_server.bench import fit_gate

    learnt_from = _cases(arguments.cases)
    others = _cases(arguments.report_on)
    both = {case.workspace for case in learnt_from} & {case.workspace for case in others}
    if both:
        raise OffhandError(f"To report on {', '.join(sorted(both))} it must be left out of the fit.")
    data = fit_gate.data(learnt_from)
    fitted = fit_gate.fit_gate(data)
    print(f"{len(data.right)} suggestions in {', '.join(sorted(data.asked))}; each judged by the others")
    print(_table((("gate", fitted.judged), ("the text's own probability", fitted.plain))))
    if others:
        seen = fit_gate.data(others, data.names)
        plain = fit_gate.plain(seen)
        found = fit_gate.judge(fit_gate.apply(fitted.gate, seen), seen, fitted.gate.thresholds)
        without = fit_gate.judge(plain, seen, fitted.plain_thresholds)
        print(f"\n{len(seen.right)} suggestions in {', '.join(sorted(seen.asked))}, which had no part in it")
        print(_table((("gate", found), ("the text's own probability", without))))
    print("\nweights")
    for name, weight in fitted.gate.weights.items():
        print(f"  {name:<20}{weight:+8.3f}   usually {fitted.gate.usual[name]:.2f}")
    print("shown from " + ", ".join(f"{at:.2f} ({mode})" for mode, at in fitted.gate.thresholds.items()))
    if arguments.write:
        reports = [_report(path.with_suffix(".json")) for path in arguments.cases]
        kept = msgspec.structs.replace(fitted.gate, origin=fit_gate.origin(fitted, data, reports))
        try:
            arguments.write.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
        except OSError as error:
            raise OffhandError(f"{arguments.write} cannot be written: {error.strerror}.") from error
        print(f"written to {arguments.write}")
    return 0


def _cases(paths: list[Path]) -> "list[Case]":
    from lsp_server.bench.compare import read

    return [case for path in paths for case in read(path)]


def _report(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OffhandError(
            f"{path} cannot be read ({error.strerror}): 'offhand bench lines DIR --cases NAME.jsonl --json NAME.json' "
            "writes both."
        ) from error


def _table(rows: "tuple[tuple[str, Judged], ...]") -> str:
    parts = sorted({part for _, judged in rows for part in judged.precision})
    lines = [
        f"  {'':<28}{'log loss':>9}{'Brier':>8}{'ECE':>8}{'AUC':>8}   right among the surest "
        + "".join(f"{f'{float(part):.0%}':>6}" for part in parts)
    ]
    for name, judged in rows:
        one = judged.quality
        rights = "".join(
            f"{100 * judged.precision[part]:>6.1f}" if part in judged.precision else f"{'-':>6}"
            for part in parts
        )
        lines.append(
            f"  {name:<28}{one.log_loss:>9.4f}{one.brier:>8.4f}{one.ece:>8.4f}{one.auc:>8.4f}   {'':<23}{rights}"
        )
        lines += [
            f"    {mode:<10} shows {100 * shown.coverage:.1f} %, of these right {100 * shown.right:.1f} %, "
            f"the exact rest of the line {100 * shown.exact:.1f} %"
            for mode, shown in judged.shown.items()
        ]
    return "\n".join(lines)
