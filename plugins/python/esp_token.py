"""Asks esp_validator.so whether an API token is good, whose it is, and what it may see.

    import esp_token

    with esp_token.Validator() as validator:              # the installed plugin and configuration
        result = validator.validate(token, metric="kpi.peak_audience")
        if result:
            serve(result.entity, result.tier)
        else:
            refuse(result.reason, result.token_id)

One Validator serves all threads, before and after fork. Every answer is a Result; exceptions are for
what cannot be opened or refreshed. A result is true for an allowed token, and for nothing else.
"""

from __future__ import annotations

import ctypes
import datetime
import enum
import functools
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

ABI = 0x00010000
"""Major << 16 | minor of the ABI that this module speaks."""

PLUGIN = "/usr/local/lib/esp-token/esp_validator.so"
"""Where the plugin was installed."""

Text = Union[str, bytes]
Path = Union[str, bytes, "os.PathLike[str]"]
Log = Callable[[int, str], None]


class Error(Exception):
    """What this module raises, with one line for the log."""


class OpenError(Error):
    """The plugin cannot be loaded, or its configuration, tier table or store not be opened."""


class RefreshError(Error):
    """A changed tier table or store cannot be taken; what was in force stays so."""


class Status(enum.IntEnum):
    """What was found, in the order in which the plugin checks."""

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
    """What an entity is."""

    NONE = 0
    RESELLER = 1
    CUSTOMER = 2


@dataclass(frozen=True)
class Result:
    """The answer to one question. What was not filled is empty or 0."""

    status: Status = Status.UNSET
    reason: str = "unset"
    """The plugin's word for the status."""
    token_id: str = ""
    """Of any well-formed token; public, for logs."""
    entity: str = ""
    """The token's entity; this and what follows only after its secret matched."""
    reseller: str = ""
    tier: str = ""
    tier_rank: int = 0
    kind: Kind = Kind.NONE
    expires: int = 0
    """Unix seconds; 0: never."""
    revision: int = 0
    """The store's state that answered."""
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


class _Table(ctypes.Structure):
    _fields_ = [
        ("abi", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("version", ctypes.c_char_p),
        (
            "open",
            ctypes.CFUNCTYPE(
                ctypes.c_int,
                ctypes.POINTER(ctypes.c_void_p),
                ctypes.c_char_p,
                ctypes.c_void_p,
                ctypes.c_void_p,
                ctypes.c_void_p,
                ctypes.c_size_t,
            ),
        ),
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
    ]


# A status or kind that a later plugin may have: it does not allow.
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
        raise OpenError(f"{path}: no validator of ABI {ABI >> 16}.{ABI & 0xFFFF}")
    found: _Table = table.contents
    return found


def _bytes(text: Optional[Text]) -> Optional[bytes]:
    """What has no UTF-8 becomes a question mark, which no token, metric or entity has."""
    return text.encode("utf-8", "replace") if isinstance(text, str) else text


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _tell(log: Log, _arg: object, level: int, message: int, size: int) -> None:
    log(level, _text(ctypes.string_at(message, size)))


class _Context:
    """An open context. Whoever calls holds it; it is closed when the last one lets go."""

    def __init__(self, plugin: Path, config: Optional[Path], log: Optional[Log]) -> None:
        self.address = ctypes.c_void_p()
        self.table = _load(plugin)
        self.validate = self.table.validate
        self.close = self.table.close
        self.log = None if log is None else _LogFn(functools.partial(_tell, log))
        log_fn = None if self.log is None else ctypes.cast(self.log, ctypes.c_void_p)
        path = None if config is None else os.fsencode(config)
        if path is not None and b"\0" in path:
            raise OpenError("the configuration's path holds a NUL")
        err = ctypes.create_string_buffer(512)
        if not self.table.open(ctypes.byref(self.address), path, log_fn, None, err, len(err)):
            raise OpenError(_text(err.value))

    def __del__(self) -> None:
        if self.address:
            self.close(self.address)


class Validator:
    """An open validator: `config` and `plugin` are the installed ones unless they are given.

    `log(syslog_level, message)` is called when the plugin opens or reloads files, by the thread that
    happens to ask at that moment; what it raises is printed and ignored.
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
        """The plugin's."""
        return _text(self._open().table.version)

    def reason(self, status: int) -> str:
        """The plugin's word for a status."""
        return _text(self._open().table.reason(status))

    def validate(
        self,
        token: Optional[Text],
        *,
        metric: Optional[Text] = None,
        entity: Optional[Text] = None,
        now: Union[int, datetime.datetime, None] = None,
    ) -> Result:
        """Judges a presented token; none at all is malformed.

        `metric` is what is asked for (None: any), `entity` whose data it is (None: the token's own), and
        `now` another time than the clock's.
        """
        context = self._open()
        token, metric, entity = _bytes(token), _bytes(metric), _bytes(entity)
        query = _Query(
            _QUERY_SIZE,
            0,
            token,
            len(token) if token is not None else 0,
            metric,
            len(metric) if metric is not None else 0,
            entity,
            len(entity) if entity is not None else 0,
            0
            if now is None
            else int(now.timestamp())
            if isinstance(now, datetime.datetime)
            else now,
        )
        answer = _Result(_RESULT_SIZE)
        context.validate(context.address, ctypes.byref(query), ctypes.byref(answer))
        status, reason = self._words.get(answer.status, _UNSET)
        result = object.__new__(Result)
        # the generated constructor would take longer than the question
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
        """May a token that was allowed see this metric, by the tier table now in force?"""
        context = self._open()
        if len(result.raw) != _RESULT_SIZE:
            return False
        name = _bytes(metric)
        assert name is not None
        answer = _Result.from_buffer_copy(result.raw)
        return bool(context.table.allows(context.address, ctypes.byref(answer), name, len(name)))

    def refresh(self) -> None:
        """Looks at once for a changed tier table or store; RefreshError says what is wrong."""
        context = self._open()
        err = ctypes.create_string_buffer(512)
        if not context.table.refresh(context.address, err, len(err)):
            raise RefreshError(_text(err.value))

    def close(self) -> None:
        """Ends its use. Calls that other threads are in still get their answers."""
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
