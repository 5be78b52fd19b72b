# SPDX-License-Identifier: ISC
"""Asks esp_validator.so whether an API token is allowed, whose it is, and what it may see.

    import esp_token

    with esp_token.Validator() as validator:              # the installed plugin and configuration
        result = validator.validate(token, metric="kpi.peak_audience")
        if result:
            serve(result.entity, result.tier)
        else:
            refuse(result.reason, result.token_id)

One Validator serves all threads, before and after fork. Every answer is a Result, even for arguments of a
wrong type; exceptions are raised only for what cannot be opened or refreshed. A result is true only for an
allowed token.
"""

from __future__ import annotations

import ctypes
import datetime
import enum
import functools
import math
import os
from dataclasses import dataclass, field
from types import TracebackType
from typing import Callable, Optional, Type, Union

__all__ = [
    "ABI",
    "PLUGIN",
    "Error",
    "Kind",
    "OpenError",
    "RefreshError",
    "Result",
    "Status",
    "Validator",
]

ABI = 0x00010001
"""Major << 16 | minor of the ABI that this module uses."""

PLUGIN = "/usr/local/lib/esp-token/esp_validator.so"
"""The path of the installed plugin."""

Text = Union[str, bytes, bytearray, memoryview]
Path = Union[str, bytes, "os.PathLike[str]"]
Log = Callable[[int, str], None]


class Error(Exception):
    """The base of this module's exceptions. The text is one line for the log."""


class OpenError(Error):
    """The plugin cannot be loaded, or it cannot open its configuration, tier table or store."""


class RefreshError(Error):
    """A changed tier table or store cannot be used; the previous one stays in force."""


class Status(enum.IntEnum):
    """The outcomes, in the order of the plugin's checks."""

    UNSET = 0
    ALLOW = 1
    MALFORMED = 16
    UNKNOWN = 17
    INACTIVE = 18
    EXPIRED = 19
    SUSPENDED = 20
    TIER = 21
    ENTITY = 22
    METRIC = 23
    UNAVAILABLE = 64
    CORRUPT = 65
    USAGE = 66


class Kind(enum.IntEnum):
    """The kind of an entity."""

    NONE = 0
    RESELLER = 1
    CUSTOMER = 2


@dataclass(frozen=True)
class Result:
    """The answer to one question. Fields that do not apply are empty or 0."""

    status: Status = Status.UNSET
    reason: str = "unset"
    """The plugin's word for the status."""
    token_id: str = ""
    """The id of any well-formed token. It is not secret, so it may be logged."""
    entity: str = ""
    """The token's entity. This field and the next ones are filled only if the secret matched."""
    reseller: str = ""
    tier: str = ""
    tier_rank: int = 0
    kind: Kind = Kind.NONE
    expires: int = 0
    """Unix seconds; 0: never."""
    revision: int = 0
    """The revision of the store's state from which the answer came."""
    detail: str = ""
    """Why, in a few words, for the log; never a secret."""
    raw: bytes = field(default=b"", repr=False, compare=False)
    """The ABI's own struct, for Validator.allows."""

    @property
    def allowed(self) -> bool:
        return self.status is Status.ALLOW

    def __bool__(self) -> bool:
        return self.status is Status.ALLOW

    @property
    def expires_at(self) -> Optional[datetime.datetime]:
        """In UTC; None: never."""
        if self.expires == 0:
            return None
        return datetime.datetime.fromtimestamp(self.expires, datetime.timezone.utc)


class _Query(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("token", ctypes.c_char_p),
        ("token_len", ctypes.c_size_t),
        ("metric", ctypes.c_char_p),
        ("metric_len", ctypes.c_size_t),
        ("entity", ctypes.c_char_p),
        ("entity_len", ctypes.c_size_t),
        ("now", ctypes.c_int64),
    ]


class _Result(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("status", ctypes.c_int32),
        ("expires", ctypes.c_int64),
        ("revision", ctypes.c_uint64),
        ("tier_rank", ctypes.c_int32),
        ("kind", ctypes.c_uint32),
        ("token_id", ctypes.c_char * 16),
        ("entity", ctypes.c_char * 80),
        ("reseller", ctypes.c_char * 80),
        ("tier", ctypes.c_char * 64),
        ("detail", ctypes.c_char * 160),
    ]


_LogFn = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)

_OpenFn = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_char_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_size_t,
)


class _Table(ctypes.Structure):
    _fields_ = [
        ("abi", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("version", ctypes.c_char_p),
        ("open", _OpenFn),
        (
            "validate",
            ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
        ),
        (
            "allows",
            ctypes.CFUNCTYPE(
                ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
            ),
        ),
        (
            "refresh",
            ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t),
        ),
        ("close", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
        ("reason", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_int32)),
        ("open_uncounted", _OpenFn),
    ]


# For a status that only a newer plugin knows. It is a refusal.
_UNSET = (Status.UNSET, "unset")
_KINDS = {kind.value: kind for kind in Kind}
_QUERY_SIZE = ctypes.sizeof(_Query)
_RESULT_SIZE = ctypes.sizeof(_Result)


def _load(plugin: Path) -> _Table:
    path = os.fsdecode(plugin)
    if not os.path.isabs(path):
        raise OpenError(f"{path}: the validator's path must begin with /")
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL)
        get = library.espt_validator_get
    except (AttributeError, OSError, ValueError) as error:
        raise OpenError(f"cannot load the validator: {error}") from None
    get.argtypes = [ctypes.c_uint32]
    get.restype = ctypes.POINTER(_Table)
    table = get(ABI)
    if not table or table.contents.size < ctypes.sizeof(_Table):
        raise OpenError(
            f"{path}: no validator of ABI {ABI >> 16}.{ABI & 0xFFFF}; "
            "install the esp_validator.so of this release"
        )
    found: _Table = table.contents
    return found


def _bytes(text: Optional[Text]) -> Optional[bytes]:
    """The bytes of a str or of any object with a buffer. Any other value becomes b"", which is
    never a valid token, metric or entity. A surrogate becomes a question mark, which occurs in none of them either."""
    if text is None or type(text) is bytes:
        return text
    if isinstance(text, str):
        return text.encode("utf-8", "replace")
    try:
        return bytes(memoryview(text))
    except (BufferError, TypeError, ValueError):
        return b""


_TIME_MAX = 2**63 - 1


def _seconds(now: Union[int, float, datetime.datetime, None]) -> Optional[int]:
    """Unix seconds, rounded down; 0 for the clock. None: `now` is not a time that the ABI can express."""
    if now is None:
        return 0
    if isinstance(now, bool) or not isinstance(now, (int, float, datetime.datetime)):
        return None
    try:
        seconds = math.floor(now.timestamp() if isinstance(now, datetime.datetime) else now)
    except (OSError, OverflowError, ValueError):
        return None
    return seconds if -_TIME_MAX - 1 <= seconds <= _TIME_MAX else None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _call_log(log: Log, _arg: object, level: int, message: int, size: int) -> None:
    log(level, _text(ctypes.string_at(message, size)))


class _Context:
    """An open context. Each call holds a reference; the last reference closes it."""

    def __init__(self, plugin: Path, config: Optional[Path], log: Optional[Log]) -> None:
        self.address = ctypes.c_void_p()
        if log is not None and not callable(log):
            raise TypeError("log must be a function of a level and a line")
        self.table = _load(plugin)
        self.validate = self.table.validate
        self.close = self.table.close
        self.log = None if log is None else _LogFn(functools.partial(_call_log, log))
        log_fn = None if self.log is None else ctypes.cast(self.log, ctypes.c_void_p)
        try:
            path = None if config is None else os.fsencode(config)
        except UnicodeError as error:
            raise OpenError(f"the configuration's path cannot be encoded: {error}") from None
        if path is not None and b"\0" in path:
            raise OpenError("the configuration's path must not contain a NUL")
        err = ctypes.create_string_buffer(512)
        if not self.table.open(ctypes.byref(self.address), path, log_fn, None, err, len(err)):
            raise OpenError(_text(err.value))

    def __del__(self) -> None:
        if self.address:
            self.close(self.address)


class Validator:
    """An open validator. `config` and `plugin` are paths; by default those of the installation.

    `log(syslog_level, message)` is called when the plugin opens or reloads files, in the thread that made the
    call. An exception in it is printed and ignored.
    """

    def __init__(
        self, config: Optional[Path] = None, *, plugin: Path = PLUGIN, log: Optional[Log] = None
    ) -> None:
        self._context: Optional[_Context] = None
        self._context = _Context(plugin, config, log)
        self._words = {status.value: (status, self.reason(status)) for status in Status}

    def _open(self) -> _Context:
        context = self._context
        if context is None:
            raise ValueError("the validator is closed")
        return context

    @property
    def version(self) -> str:
        """The version of the plugin."""
        return _text(self._open().table.version)

    def reason(self, status: int) -> str:
        """The plugin's word for a status."""
        table = self._open().table
        if not isinstance(status, int) or not -(2**31) <= status < 2**31:
            return _UNSET[1]
        return _text(table.reason(status))

    def validate(
        self,
        token: Optional[Text],
        *,
        metric: Optional[Text] = None,
        entity: Optional[Text] = None,
        now: Union[int, float, datetime.datetime, None] = None,
    ) -> Result:
        """Validates a presented token. None (for example: the header was not sent) is malformed.

        `metric` is what is asked for (None: any), `entity` whose data it is (None: the token's own), and
        `now` another time than the clock's (None or 0: the clock). A value of a wrong type is refused: a
        token as malformed, a metric or an entity as one that does not exist, a time as Status.USAGE.
        """
        context = self._open()
        token, metric, entity = _bytes(token), _bytes(metric), _bytes(entity)
        seconds = _seconds(now)
        if seconds is None:
            return Result(
                Status.USAGE,
                self._words[Status.USAGE][1],
                detail="now must be Unix seconds of 64 bits, or a datetime",
            )
        query = _Query(
            _QUERY_SIZE,
            0,
            token,
            len(token) if token is not None else 0,
            metric,
            len(metric) if metric is not None else 0,
            entity,
            len(entity) if entity is not None else 0,
            seconds,
        )
        answer = _Result(_RESULT_SIZE)
        context.validate(context.address, ctypes.byref(query), ctypes.byref(answer))
        status, reason = self._words.get(answer.status, _UNSET)
        result = object.__new__(Result)
        # the generated constructor takes longer than the validation
        result.__dict__.update(
            status=status,
            reason=reason,
            token_id=_text(answer.token_id),
            entity=_text(answer.entity),
            reseller=_text(answer.reseller),
            tier=_text(answer.tier),
            tier_rank=answer.tier_rank,
            kind=_KINDS.get(answer.kind, Kind.NONE),
            expires=answer.expires,
            revision=answer.revision,
            detail=_text(answer.detail),
            raw=bytes(answer),
        )
        return result

    def allows(self, result: Result, metric: Text) -> bool:
        """Whether a token that was allowed may see this metric, by the tier table now in force."""
        context = self._open()
        name = _bytes(metric)
        if not isinstance(result, Result) or len(result.raw) != _RESULT_SIZE or name is None:
            return False
        answer = _Result.from_buffer_copy(result.raw)
        return bool(context.table.allows(context.address, ctypes.byref(answer), name, len(name)))

    def refresh(self) -> None:
        """Looks at once for a changed tier table or store. Raises RefreshError if it cannot be used."""
        context = self._open()
        err = ctypes.create_string_buffer(512)
        if not context.table.refresh(context.address, err, len(err)):
            raise RefreshError(_text(err.value))

    def close(self) -> None:
        """Closes the validator. Calls that other threads have begun still get their answers."""
        self._context = None

    def __enter__(self) -> Validator:
        self._open()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
