"""The dashboard with a model, measured from outside through a pseudo-terminal.

    python -m tests.bench.bench_dashboard MODEL.gguf [--threads N] [--tokens N] [--rounds N] [--json]

Prints the seconds from exec to the first figures and to the first word of the analysis; the decode speed that the
dashboard reaches against ``Llama.generate`` alone on the same file, threads and length of prompt, as a ratio of the
rounds of one run; the milliseconds from Esc to a stopped answer while it is written and while the prompt is read; and
those from a key press to its echo while the model writes. Needs a model worth measuring; its text does not matter.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.screen import TELLTOP, Terminal

_FIGURES = re.compile(r"cpu ─+ [\d.]+ %")
_SPEED = re.compile(r"first word ([\d.]+) s · (\d+) tok/s")
_REFERENCE = """
import sys, time
from llama_cpp import Llama
path, threads, prompt, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
llama = Llama(path, n_ctx=4096, n_threads=threads, n_threads_batch=threads, verbose=False)
written, begun = 0, 0.0
for _ in llama.generate([5 + i % 200 for i in range(prompt)], temp=0.2):
    written += 1
    if written == 1:
        begun = time.perf_counter()
    if written > tokens:
        break
print(tokens / (time.perf_counter() - begun))
"""


def reference_speed(model: Path, threads: int, prompt: int, tokens: int) -> float:
    """Tokens per second of ``Llama.generate`` in a process of its own."""
    command = [sys.executable, "-c", _REFERENCE, str(model), str(threads), str(prompt), str(tokens)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def after(terminal: Terminal, what: str | re.Pattern[str] | Callable[[Terminal], object], begun: float) -> float:
    """Seconds from ``begun`` until it is to be seen."""
    terminal.wait_for(what, timeout=120)
    return time.perf_counter() - begun


def round_of(model: Path, threads: int, tokens: int, home: str) -> dict[str, float]:
    """One start of the dashboard and what is measured in it."""
    command = (*TELLTOP, "--model", str(model), "--threads", str(threads), "--max-tokens", str(tokens))
    begun = time.perf_counter()
    with Terminal(command, columns=200, lines=50, env={"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}) as terminal:
        figures: dict[str, float] = {
            "figures_s": after(terminal, _FIGURES, begun),
            "ready_s": after(terminal, re.compile(r"model \S+ +ready"), begun),
            "first_word_s": after(terminal, " writing", begun),
        }
        figures["key_ms_while_writing"] = key_ms(terminal)
        terminal.wait_for(_SPEED, timeout=120)
        found = _SPEED.search(terminal.text)
        assert found
        figures["decode_tokens_s"] = float(found[2])
        terminal.press("i", "why is load high?", "enter")
        terminal.wait_for("is reading the node, Esc stops", timeout=120)
        figures["esc_ms_reading"] = esc_ms(terminal, 1)
        terminal.press("why is load high?", "enter")
        terminal.wait_for(lambda it: it.text.count("❯ why is load high?") == 2)
        terminal.wait_for(answered, timeout=120)
        figures["esc_ms_writing"] = esc_ms(terminal, 2)
    return figures


def answered(terminal: Terminal) -> bool:
    """Words stand between the last question and its foot."""
    rows = [row.rpartition("││")[2].strip("│ ") for row in terminal.rows]
    questions = [at for at, row in enumerate(rows) if row.startswith("❯ why is load high?")]
    return bool(questions) and len([row for row in rows[questions[-1] + 1 : -4] if row and "Esc stops" not in row]) > 0


def esc_ms(terminal: Terminal, times: int) -> float:
    """Milliseconds from Esc until the answer is told to be cancelled; includes the 30 ms that tell Esc from a key."""
    begun = time.perf_counter()
    terminal.press("esc")
    return 1000 * after(terminal, lambda it: it.text.count("· cancelled") == times, begun)


def key_ms(terminal: Terminal) -> float:
    """The 95th percentile of milliseconds from a cursor key to the next bytes, over 30 presses."""
    took = []
    for number in range(30):
        time.sleep(0.05)
        seen = len(terminal.raw)
        begun = time.perf_counter()
        terminal.press("down" if number < 15 else "up")
        terminal.wait_for(lambda it, seen=seen: len(it.raw) > seen)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        took.append(1000 * (time.perf_counter() - begun))
    return sorted(took)[28]


def main() -> None:
    """Measure and print the medians of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rounds, ratios = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(given.rounds):
            rounds.append(round_of(given.model.resolve(), given.threads, given.tokens, home))
            alone = reference_speed(given.model.resolve(), given.threads, 1000, given.tokens)
            ratios.append(rounds[-1]["decode_tokens_s"] / alone)
    medians = {name: round(statistics.median(each[name] for each in rounds), 3) for name in rounds[0]}
    medians["decode_ratio_to_llama_generate"] = round(statistics.median(ratios), 3)
    print(json.dumps(medians) if given.json else "\n".join(f"{name:32} {value}" for name, value in medians.items()))


if __name__ == "__main__":
    main()
