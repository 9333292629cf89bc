"""Worker threads for questions to SQL, shared fairly."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from agio.domain.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class Pool:
    """An account has one question under way at a time, and its next ones wait without a thread.

    So whoever has millions of rows, and asks for them in as many requests as the limits allow, keeps at most one of the
    workers busy, and the others answer everybody else. Belongs to one event loop.
    """

    def __init__(self, workers: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def ask(self, account: int | None, question: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs `question` in a thread; of nobody's account at once. ApiError -1016 when the pool is closed."""
        if account is None:
            return await self._run(partial(question, *args, **kwargs))
        turn = self._turns.get(account)
        if turn is None:
            turn = self._turns[account] = asyncio.Lock()
        await turn.acquire()
        try:
            answer = self._run(partial(question, *args, **kwargs))
        except ApiError:
            turn.release()
            raise
        answer.add_done_callback(lambda _: turn.release())
        return await asyncio.shield(answer)  # who waits no longer leaves the thread at work, and the turn is not over

    def close(self) -> None:
        """Ends the threads; questions under way are answered first. Blocks."""
        self._threads.shutdown()

    def _run(self, question: Callable[[], R]) -> asyncio.Future[R]:
        try:
            return asyncio.get_running_loop().run_in_executor(self._threads, question)
        except RuntimeError as closed:
            raise ApiError(-1016, "This service is no longer available.", 503) from closed
