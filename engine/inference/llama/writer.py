"""Choosing and sending the next token of a text, and ending it."""

from __future__ import annotations

from engine.inference.llama.choice import NONE, Candidates
from engine.inference.llama.context import Context
from engine.inference.llama.model import Model
from engine.inference.llama.run import Run
from engine.inference.protocol import TokenLogprob


class Writer:
    """Belongs to the model's thread."""

    def __init__(self, model: Model, context: Context) -> None:
        self._model = model
        self._context = context
        self._candidates: Candidates | None = None
        self._pieces = model.pieces

    def free(self) -> None:
        """Give samplers back."""
        if self._candidates is not None:
            self._candidates.free()

    def write(self, run: Run, now: float) -> bool:
        """Choose and send one token; true if the text is at its end."""
        job, logprob = run.job, None
        if run.plain:
            token = self._context.sample(run.chain, run.place)
        else:
            token, logprob = self._choose(run)
            if token == NONE:
                job.fail("The grammar admits nothing that this model could write next: change the grammar.")
                return True
        piece = self._pieces[token] if token in self._pieces else self._model.piece(token)
        if piece is None:
            job.finish("stop")
            return True
        run.tokens.append(token)
        job.wrote(piece, now, logprob)
        if job.cancelled:  # nobody is there any more to send it to
            return True
        if job.stopped:
            if run.grammar is not None:
                job.fail("A stop string cut the text before it obeyed its grammar: use another stop string.")
            else:
                job.finish("stop")
            return True
        if job.written >= run.most or len(run.tokens) >= self._context.size:
            self.limit(run)
            return True
        return False

    def _choose(self, run: Run) -> tuple[int, TokenLogprob | None]:
        if self._candidates is None:
            self._candidates = Candidates(self._model)
        logits = self._context.logits(run.place)
        token = self._candidates.choose(run.chain, run.grammar, logits)
        wanted = run.top is not None and token != NONE
        return token, self._candidates.logprob(token, run.top or 0, logits) if wanted else None

    def limit(self, run: Run) -> None:
        """The text has run into a limit; one that does not yet obey its grammar is worth nothing then."""
        if run.grammar is None or self._complete(run):
            run.job.finish("length")
        else:
            run.job.fail(
                f"The text was cut after {run.job.written} tokens, before it obeyed its "
                f"{'JSON schema' if run.job.request.sampling.json_schema else 'grammar'}: allow more tokens "
                "or a longer context."
            )

    def _complete(self, run: Run) -> bool:
        """Whether the grammar would let the text end here."""
        candidates, end = self._candidates, self._model.eos
        return candidates is not None and end >= 0 and candidates.admitted(run.grammar, end)
