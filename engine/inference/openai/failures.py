"""What can go wrong between here and a server, a sentence each: whose fault it likely is, and what to do."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from engine.inference.openai.address import Address
from engine.inference.openai.chunks import said
from engine.inference.web import httpx
from engine.text import inert
from engine.units import span


def of_status(response: httpx.Response, body: bytes, server: Address, model: str, *, keyed: bool) -> str:
    """Why a server refuses, from its status and the beginning of what it says."""
    told = said(body)
    says = f" (it says: {told})" if told else ""
    status = response.status_code
    where = f"The server {server.shown}"
    if status in {401, 403}:
        if keyed:
            return f"{where} refuses the key{says}: set the right one in TELLTOP_API_KEY."
        return f"{where} wants a key{says}: set it in TELLTOP_API_KEY."
    if status == 404:
        return f'{where} has no model "{inert(model, 100)}" there{says}: check --model and --endpoint.'
    if status == 429:
        return f"{where} takes no more requests for now{says}: try again {_when(response)}."
    if status >= 500:
        return f"{where} failed with {_named(response)}{says}: look at its log, or try again {_when(response)}."
    if 300 <= status < 400:
        onto = inert(response.headers.get("location", ""), 200)
        return f"{where} sends on to {onto or 'nowhere'}: give that address as --endpoint."
    return f"{where} refuses the request with {_named(response)}{says}."


def of_transport(error: httpx.HTTPError, server: Address, connect_s: float) -> str:
    """Why a server cannot be talked to."""
    where = f"The server {server.shown}"
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return f"{where} cannot be reached within {connect_s:g} s: check the address and the network."
    if isinstance(error, httpx.ProxyError):
        return f"{where} cannot be reached through the proxy ({_reason(error)}): check HTTPS_PROXY and NO_PROXY."
    certificate = next((e for e in _causes(error) if isinstance(e, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        why = inert(certificate.verify_message, 100)
        return f"{where} has a certificate that cannot be trusted ({why}): SSL_CERT_FILE may name its authority."
    if isinstance(error, httpx.ConnectError):
        return f"{where} cannot be reached ({_reason(error)}): check that it runs, and its address."
    if isinstance(error, httpx.RemoteProtocolError):
        return f"{where} broke off, or does not speak HTTP ({_reason(error)}): look at its log, and try again."
    return f"The connection to the server {server.shown} broke ({_reason(error)}): try again."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: httpx.HTTPError) -> str:
    """What the system says, for libraries wrap it in words of their own."""
    system = next((e for e in _causes(error) if isinstance(e, OSError) and e.errno), None)
    if system is None:
        text = str(error)
    elif isinstance(system, socket.gaierror | ssl.SSLError):
        text = str(system.strerror or error)  # their numbers are not those of the system
    else:
        text = os.strerror(system.errno or 0).lower()
    return inert(text, 160).rstrip(".") or type(error).__name__


def _named(response: httpx.Response) -> str:
    return f"{response.status_code} {inert(response.reason_phrase, 60)}".strip()


def _when(response: httpx.Response) -> str:
    """What the header ``Retry-After`` says, in seconds or as a date."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,6}(\.\d*)?", text):
        return f"in {span(float(text) + 0.999)}"
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return "later"
    wait = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return f"in {span(wait + 0.999)}" if 0 < wait < 1e6 else "later"
