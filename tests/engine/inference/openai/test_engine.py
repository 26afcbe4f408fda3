"""The endpoint against a real server: what it writes, and a sentence for each way in which a server can fail."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from engine.inference.openai import EndpointEngine, Patience
from engine.inference.protocol import Delta, Finished, Started

from .conftest import Call, Open, Server, request, settled, write

USAGE = {
    "choices": [],
    "usage": {"prompt_tokens": 30, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 20}},
}


async def test_a_text_comes_with_what_the_server_counted(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        await call.words("The ", "node is ", "well.")
        await call.words("", finish_reason="stop")
        await call.event(USAGE)
        await call.event("[DONE]")

    server.script = script
    text = await write(engine, request(seed=7, stop=("END",)))
    assert text.text == "The node is well."
    assert [type(event) for event in text.events[:2]] == [Started, Delta]
    assert text.finished is not None
    assert text.finished.reason == "stop"
    timings = text.finished.timings
    assert (timings.prompt_tokens, timings.cached_tokens, timings.completion_tokens) == (30, 20, 3)
    assert timings.first_token_s > 0
    assert timings.prefill_tokens_s == pytest.approx(10 / timings.first_token_s)
    (call,) = server.calls
    assert call.line == "POST /v1/chat/completions HTTP/1.1"
    assert call.json["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hello"},
    ]
    wanted = {"model": "the-one", "stream": True, "max_tokens": 40, "seed": 7, "stop": ["END"], "temperature": 0.2}
    assert call.json.items() >= wanted.items()
    assert "authorization" not in call.headers


async def test_the_speeds_of_llama_server_and_a_limit(server: Server, engine: EndpointEngine) -> None:
    speeds = {"prompt_n": 4, "cache_n": 6, "predicted_n": 2, "prompt_per_second": 90.5, "predicted_per_second": 8.5}

    async def script(call: Call) -> None:
        await call.head()
        await call.words("a", "b")
        await call.event({"choices": [{"delta": {}, "finish_reason": "length"}], "timings": speeds})

    server.script = script  # and no [DONE]
    text = await write(engine)
    assert text.finished is not None
    assert text.finished.reason == "length"
    timings = text.finished.timings
    assert (timings.prompt_tokens, timings.cached_tokens, timings.completion_tokens) == (10, 6, 2)
    assert (timings.prefill_tokens_s, timings.decode_tokens_s) == (90.5, 8.5)


async def test_bytes_may_be_cut_anywhere(server: Server, engine: EndpointEngine) -> None:
    stream = (
        b': hello\r\n\r\nevent: x\r\ndata: {"choices":[{"delta":{"content":"\xe2\x82\xac"}}]}\r\n\r\n'
        b'id: 1\ndata:{"choices":\ndata: [{"delta":{"content":" \xf0\x9f\x98\x80"}}]}\n\ndata: [DONE]\n\n'
    )

    async def script(call: Call) -> None:
        await call.head()
        for byte in stream:
            await call.send(bytes([byte]))
            await asyncio.sleep(0)

    server.script = script
    assert (await write(engine)).text == "€ 😀"


async def test_thoughts_are_no_answer_and_controls_do_nothing(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        for name in ("reasoning_content", "reasoning"):
            await call.event({"choices": [{"delta": {name: "hm", "content": None}}]})
        await call.words("a\x1b[2J\n", "\u202eb")
        await call.event("[DONE]")

    server.script = script
    text = await write(engine)
    assert (text.text, text.thought) == ("a\\x1b[2J\n\\u202eb", "hmhm")


async def test_thoughts_that_the_server_leaves_in_the_text(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.words("<th", "ink>let me", " see</thi", "nk>\n\nWell.")
        await call.event("[DONE]")

    server.script = script
    text = await write(engine)
    assert (text.text.strip(), text.thought.strip()) == ("Well.", "let me see")


async def test_what_else_a_request_may_ask_for(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.event("[DONE]")

    server.script = script
    text = await write(engine, request(json_schema='{"type": "object"}', presence_penalty=0.5))
    assert [type(event) for event in text.events] == [Started, Finished], "nothing was said at all"
    (call,) = server.calls
    assert "cannot be held to a grammar" in (await write(engine, request(grammar='root ::= "a"'))).failed
    assert call.json["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert call.json["presence_penalty"] == 0.5
    assert "frequency_penalty" not in call.json


async def test_odd_figures_do_not_spoil_a_text(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.event({"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": "many"}, "timings": []})
        await call.event({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 10**15}})
        await call.event("[DONE]")

    server.script = script
    text = await write(engine)
    assert text.finished is not None
    assert (text.finished.timings.prompt_tokens, text.finished.timings.completion_tokens) == (0, 1)


async def test_a_server_that_does_not_stream(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        message = {"role": "assistant", "content": "all of it"}
        await call.answer(
            "200 OK", {"choices": [{"message": message, "finish_reason": "stop"}]} | {"usage": USAGE["usage"]}
        )

    server.script = script
    text = await write(engine)
    assert text.text == "all of it"
    assert text.finished is not None
    assert text.finished.timings.completion_tokens == 3


async def test_what_a_strict_server_refuses_is_left_out_from_then_on(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        for name in ("stream_options", "max_tokens"):
            if name in call.json:
                await call.answer("400 Bad Request", {"error": {"message": f"Unsupported parameter: '{name}'"}})
                return
        await call.head()
        await call.words("ok")
        await call.event("[DONE]")

    server.script = script
    assert (await write(engine)).text == "ok"
    assert server.calls[-1].json["max_completion_tokens"] == 40
    assert len(server.calls) == 3
    assert (await write(engine)).text == "ok"
    assert len(server.calls) == 4


async def test_words_that_come_fast_are_put_together(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.words(*(["word "] * 2000))
        await call.event("[DONE]")

    server.script = script
    text = await write(engine, request(max_tokens=2000))
    assert text.text == "word " * 2000
    assert len(text.deltas) < 200


async def test_cancelling_closes_the_connection(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.words("a")
        await call.gone()

    server.script = script
    async with aclosing(engine.generate(request())) as events:
        async for event in events:
            if isinstance(event, Delta):
                break
    async with asyncio.timeout(5):
        assert await server.ended.get() is server.calls[0]


async def test_closing_ends_what_is_being_written(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.words("a")
        await asyncio.to_thread(engine.close)
        await call.gone()

    server.script = script
    text = await write(engine)
    assert text.failed == "The connection to the server has been closed."
    async with asyncio.timeout(5):
        await server.ended.get()
    engine.close()
    assert (await write(engine)).failed == "The connection to the server has been closed."


async def test_closing_before_the_start_and_without_a_loop() -> None:
    unused = EndpointEngine("http://127.0.0.1:1", on_state=lambda _: None)
    thread = threading.Thread(target=unused.close)
    thread.start()
    thread.join()
    unused.start()
    assert unused.state.state == "none"


# -- failures

REFUSALS = [
    ("401 Unauthorized", {"error": {"message": "no \x1b key"}}, {}, "wants a key (it says: no \\x1b key): set it in"),
    ("403 Forbidden", {"detail": "no"}, {}, "wants a key (it says: no): set it in TELLTOP_API_KEY."),
    ("404 Not Found", {"error": "no such model"}, {}, 'has no model "the-one" there (it says: no such model): check'),
    ("429 Too Many", {}, {"retry_after": 30}, "takes no more requests for now: try again in 30 s."),
    ("429 Too Many", {}, {"retry_after": "Fri, 01 Jan 2100 00:00:00 GMT"}, "takes no more requests for now: try again"),
    ("429 Too Many", {}, {"retry_after": "9" * 99}, "takes no more requests for now: try again later."),
    ("500 Internal Server Error", b"<html>", {}, "failed with 500 Internal Server Error: look at its log"),
    ("503 Loading", {"error": {"message": "Loading model"}}, {}, "failed with 503 Loading (it says: Loading model)"),
    ("302 Found", b"", {"location": "http://elsewhere/v1"}, "sends on to http://elsewhere/v1: give that address"),
    ("400 Bad Request", {"message": "too long"}, {}, "refuses the request with 400 Bad Request (it says: too long)."),
    ("418 Teapot", b"\xff" * 99_999, {}, "refuses the request with 418 Teapot"),
    ("400 Bad Request", b"[" * 9_999, {}, "refuses the request with 400 Bad Request"),
]


@pytest.mark.parametrize(("status", "body", "headers", "sentence"), REFUSALS, ids=[case[0] for case in REFUSALS])
async def test_a_refusal_is_told(
    status: str, body: object, headers: dict[str, object], sentence: str, server: Server, engine: EndpointEngine
) -> None:
    async def script(call: Call) -> None:
        await call.answer(status, body, **headers)

    server.script = script
    text = await write(engine)
    assert text.failed.startswith(f"The server {server.url}/v1 {sentence}")
    assert len(text.failed) < 400
    assert text.started is None


async def test_a_wrong_key_is_not_a_missing_one_and_is_never_told(server: Server, start: Open) -> None:
    async def script(call: Call) -> None:
        await call.answer("401 Unauthorized", {"error": {"message": "bad key"}})

    server.script = script
    engine, states = await start(api_key="hush")
    await settled(states)
    text = await write(engine)
    assert server.calls[0].headers["authorization"] == "Bearer hush"
    assert "refuses the key (it says: bad key): set the right one" in text.failed
    assert "hush" not in text.failed


BROKEN = [
    (b'data: {"choices":[{"delta":{"content":"half', "ended in the middle of the text"),
    (b'data: {"choices":[{"delta":{"content":"\xe2\x82', "ended in the middle of the text"),
    (b"data: {nonsense\n\n", "sends what is not OpenAI's protocol"),
    (b'data: {"choices":{"delta":1}}\n\n', "sends what is not OpenAI's protocol"),
    (b"data: " + b"[" * 5000 + b"\n\n", "sends what is not OpenAI's protocol"),
    (b"data: \xff\xfe\n\n", "sends what is not OpenAI's protocol"),
    (b'data: {"error":{"message":"out of memory"}}\n\n', "could not go on (it says: out of memory)"),
    (b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"content_filter"}]}\n\n', "withheld the text"),
    (b"data: " + b"x" * (1 << 20), "sends what never ends"),
    (b"data: xxxxxxxx\n" * 200_000, "sends what never ends"),
]


@pytest.mark.parametrize(("stream", "sentence"), BROKEN)
async def test_a_broken_stream_is_told(stream: bytes, sentence: str, server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.words("some ")
        await call.send(stream)

    server.script = script
    text = await write(engine)
    assert sentence in text.failed
    assert text.text in {"some ", "some x"}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "broke off, or does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "broke off, or does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "sends what is not OpenAI's protocol"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>a page</html>", "sends what is not OpenAI's"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}", "sends what is not OpenAI's protocol"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nxx", "sends what is not OpenAI's protocol"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "broke off, or does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\ndata: {", "broke off, or does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, "broke off, or does not speak HTTP"),
    ],
)
async def test_garbage_in_place_of_an_answer(
    answer: bytes, sentence: str, server: Server, engine: EndpointEngine
) -> None:
    server.script = lambda call: call.send(answer)
    text = await write(engine)
    assert sentence in text.failed


async def test_an_endless_text_is_cut_off(server: Server, engine: EndpointEngine) -> None:
    async def script(call: Call) -> None:
        await call.head()
        while True:
            await call.words("x" * 1000)

    server.script = script
    text = await write(engine, request(max_tokens=1))
    assert "does not end its text" in text.failed or "sends what never ends" in text.failed
    assert len(text.text) < 1 << 17


@pytest.mark.parametrize("filler", [": ping\n\n", 'data: {"choices":[{"delta":{"content":""}}]}\n\n', ""])
@pytest.mark.parametrize("words", [(), ("a",)])
async def test_a_stall_is_told_whatever_keeps_the_line_open(
    filler: str, words: tuple[str, ...], server: Server, start: Open
) -> None:
    async def script(call: Call) -> None:
        await call.head()
        await call.words(*words)
        while True:
            await call.send(filler)
            await asyncio.sleep(0.02)

    server.script = script
    engine, states = await start(patience=Patience(5.0, first_s=0.3, stall_s=0.3))
    await settled(states)
    text = await write(engine)
    wanted = "has sent nothing for 0.3 s" if words else "has not begun to write within 0.3 s"
    assert wanted in text.failed
    assert text.text == "".join(words)


# -- finding the server


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
async def test_the_address_with_or_without_its_parts(tail: str, server: Server, start: Open) -> None:
    engine, states = await start(server.url + tail)
    assert (await settled(states)).state == "ready"
    assert engine.model == "the-one"


async def test_a_server_that_is_not_there_is_found_when_it_comes(server: Server, start: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    engine, states = await start(f"http://user:word@127.0.0.1:{port}", retry_s=0.02)
    state = await settled(states)
    assert state.state == "failed"
    assert state.detail == (
        f"The server http://127.0.0.1:{port}/v1 cannot be reached (connection refused): check that it runs, and its "
        "address."
    )
    assert (await write(engine)).failed == state.detail
    async with await asyncio.start_server(server.serve, "127.0.0.1", port):
        assert (await settled(states)).state == "ready"


async def test_a_server_that_goes_is_noticed(server: Server, start: Open) -> None:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    engine, states = await start(f"http://127.0.0.1:{port}")
    assert (await settled(states)).state == "ready"
    listening.close()
    await listening.wait_closed()
    text = await write(engine)
    assert "cannot be reached (connection refused)" in text.failed
    state = await settled(states)
    assert (state.state, state.detail) == ("failed", text.failed)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        ("200 OK", {"data": [{"id": "b"}, {"id": "a\x1b"}]}, "several models: choose one with --model (a\\x1b, b)."),
        ("200 OK", {"data": []}, "does not say which models it has: name one with --model."),
        ("200 OK", b"\xff", "does not say which models it has: name one with --model."),
        ("404 Not Found", {}, "does not say which models it has: name one with --model."),
        ("401 Unauthorized", {}, "wants a key: set it in TELLTOP_API_KEY."),
        ("502 Bad Gateway", b"<html>", "failed with 502 Bad Gateway: look at its log, or try again later."),
    ],
)
async def test_a_list_of_models_that_does_not_help(
    status: str, body: object, sentence: str, server: Server, start: Open
) -> None:
    server.listing = lambda call: call.answer(status, body)
    _, states = await start()
    state = await settled(states)
    assert (state.state, state.detail.endswith(sentence)) == ("failed", True), state.detail


async def test_a_named_model_needs_no_list(server: Server, start: Open) -> None:
    server.listing = lambda call: call.answer("404 Not Found", b"")
    engine, states = await start(model="mine")
    assert (await settled(states)).state == "ready"
    assert (engine.model, engine.source) == ("mine", "remote")


async def test_a_server_that_hangs_and_an_address_that_is_none(server: Server, start: Open) -> None:
    closed = asyncio.Event()

    async def hang(call: Call) -> None:
        await closed.wait()

    server.listing = hang
    _, states = await start(patience=Patience(connect_s=0.2))
    assert (await settled(states)).detail.endswith("does not answer within 0.4 s: it may hang.")
    closed.set()
    _, states = await start("http://[::1")
    assert "is no http:// or https:// address" in (await settled(states)).detail


async def test_a_server_without_tls(start: Open) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listening:
        _, states = await start(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        assert re.search(r"cannot be reached \(.*SSL.*\): check that it runs", (await settled(states)).detail)


@pytest.fixture
def self_signed(tmp_path: Path) -> tuple[Path, Path]:
    """A key and its certificate."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return key, certificate


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_a_certificate_that_cannot_be_trusted(
    server: Server, start: Open, self_signed: tuple[Path, Path]
) -> None:
    key, certificate = self_signed
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context) as listening:
        _, states = await start(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        detail = (await settled(states)).detail
        assert "has a certificate that cannot be trusted (self-signed certificate" in detail


async def test_proxies_are_for_other_nodes_and_must_be_of_a_known_kind(
    server: Server, start: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    _, states = await start()
    assert (await settled(states)).state == "ready"
    _, states = await start("http://192.0.2.1")
    assert re.search(r"cannot be reached .*\(connection refused\)", (await settled(states)).detail)
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    _, states = await start("http://192.0.2.1")
    assert "The proxy of the environment cannot be used" in (await settled(states)).detail


async def test_texts_are_written_side_by_side(server: Server, engine: EndpointEngine) -> None:
    all_here = asyncio.Event()

    async def script(call: Call) -> None:
        if len(server.calls) == 3:
            all_here.set()
        await all_here.wait()
        await call.head()
        await call.words(json.dumps(call.json["messages"][1]["content"]))
        await call.event("[DONE]")

    server.script = script
    texts = await asyncio.gather(*(write(engine, request(name)) for name in "abc"))
    assert [text.text for text in texts] == ['"a"', '"b"', '"c"']
    assert all(isinstance(text.finished, Finished) for text in texts)
