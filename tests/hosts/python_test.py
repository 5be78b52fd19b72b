# SPDX-License-Identifier: ISC
"""esp_token.py over the real plugin: python_test.py CTL PLUGIN CONFIG LAYOUT, run by test_python.sh."""

from __future__ import annotations

import array
import ctypes
import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest
from typing import Callable, List, Optional, Tuple

import esp_token
from esp_token import Kind, Result, Status, Validator

CTL, PLUGIN, CONFIG, LAYOUT = sys.argv[1:5]
STORE = pathlib.Path(CONFIG).parent
TIERS = (STORE / "tiers.ini").read_text()


def ctl(*args: str) -> dict:
    done = subprocess.run([CTL, "-c", CONFIG, "--json", *args], capture_output=True, check=True)
    return json.loads(done.stdout)


def in_child(work: Callable[[], bool]) -> bool:
    """What `work` says in a forked child."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class TokenTest(unittest.TestCase):
    """A reseller, its customer and a stranger; the customer is lite."""

    north: str
    acme: str
    other: str
    acme_id: str

    @classmethod
    def setUpClass(cls) -> None:
        made = []
        for name, more in (
            ("north", ["reseller", "--tier", "advanced"]),
            ("acme", ["customer", "--reseller", "north"]),
            ("other", ["customer"]),
        ):
            made.append(
                ctl(
                    "entity",
                    "add",
                    f"{cls.__name__}.{name}",
                    "--kind",
                    *[word if word != "north" else f"{cls.__name__}.north" for word in more],
                )["token"]
            )
        cls.north, cls.acme, cls.other = (token["token"] for token in made)
        cls.acme_id = made[1]["id"]

    def name(self, entity: str) -> str:
        return f"{type(self).__name__}.{entity}"

    def setUp(self) -> None:
        self.logged: List[Tuple[int, str]] = []
        self.validator = Validator(
            CONFIG, plugin=PLUGIN, log=lambda level, line: self.logged.append((level, line))
        )

    def tearDown(self) -> None:
        self.validator.close()
        (STORE / "tiers.ini").write_text(TIERS)
        self.assertFalse([line for _, line in self.logged if "esptk_" in line])

    def status(self, token: object, **more: object) -> Status:
        result = self.validator.validate(token, **more)  # type: ignore[arg-type]
        self.assertEqual(result.status is Status.ALLOW, bool(result))
        self.assertEqual(result.allowed, bool(result))
        return result.status


class Answers(TokenTest):
    def test_an_allowed_token(self) -> None:
        result = self.validator.validate(self.acme, metric="kpi.join_time")
        self.assertTrue(result)
        self.assertEqual(result.reason, "allow")
        self.assertEqual(result.token_id, self.acme_id)
        self.assertEqual(result.entity, self.name("acme"))
        self.assertEqual(result.reseller, self.name("north"))
        self.assertEqual((result.tier, result.tier_rank, result.kind), ("lite", 10, Kind.CUSTOMER))
        year = datetime.timedelta(days=365)
        assert result.expires_at is not None
        self.assertLess(
            abs(result.expires_at - datetime.datetime.now(datetime.timezone.utc) - year),
            datetime.timedelta(minutes=5),
        )
        self.assertGreater(result.revision, 0)
        self.assertIs(self.validator.validate(self.north).kind, Kind.RESELLER)
        self.assertTrue(self.validator.validate(self.acme.encode()))
        ctl("edit", self.acme_id, "--expires", "never")
        never = self.validator.validate(self.acme)
        self.assertEqual((never.expires, never.expires_at), (0, None))
        ctl("edit", self.acme_id, "--expires", "365d")

    def test_each_refusal(self) -> None:
        for text in (
            None,
            "",
            "esptk_",
            self.acme[:-1],
            self.acme + "0",
            self.acme + "\0",
            "\ud800" * 54,
            "\0" * 54,
            "é" * 27,
        ):
            self.assertIs(self.status(text), Status.MALFORMED)
        self.assertIs(self.validator.validate(b"\xff" * 54).status, Status.MALFORMED)
        web = ctl("create", self.name("north"), "web")
        ctl("edit", web["id"], "--status", "inactive")
        self.assertIs(self.status(web["token"]), Status.INACTIVE)
        ctl("remove", web["id"], "--yes")
        self.assertIs(self.status(web["token"]), Status.UNKNOWN)
        soon = datetime.datetime.now() + datetime.timedelta(days=366)
        self.assertIs(self.status(self.acme, now=soon), Status.EXPIRED)
        self.assertIs(self.status(self.acme, now=int(soon.timestamp())), Status.EXPIRED)
        ctl("entity", "edit", self.name("north"), "--status", "inactive")
        self.assertIs(self.status(self.acme), Status.SUSPENDED)
        ctl("entity", "edit", self.name("north"), "--status", "active")
        self.assertIs(self.status(self.acme), Status.ALLOW)

    def test_metrics_and_entities(self) -> None:
        for metric in ("asn.traffic", "", "No", "kpi.\0", "\udc80"):
            self.assertIs(self.status(self.acme, metric=metric), Status.METRIC)
        self.assertIs(self.status(self.north, metric=b"asn.traffic"), Status.ALLOW)
        self.assertIs(self.status(self.north, entity=self.name("acme")), Status.ALLOW)
        for entity in (self.name("other"), "", "nobody", "\0"):
            self.assertIs(self.status(self.north, entity=entity), Status.ENTITY)
        result = self.validator.validate(self.acme)
        self.assertTrue(self.validator.allows(result, "kpi.join_time"))
        self.assertFalse(self.validator.allows(result, "asn.traffic"))
        self.assertFalse(self.validator.allows(result, b"asn.traffic"))
        self.assertFalse(self.validator.allows(self.validator.validate(None), "kpi.join_time"))
        self.assertFalse(self.validator.allows(Result(), "kpi.join_time"))
        made_up = dataclasses.replace(result, raw=b"\1" * len(result.raw))
        self.assertFalse(self.validator.allows(made_up, "kpi.join_time"))

    def test_results_are_values(self) -> None:
        result = self.validator.validate(self.acme)
        with self.assertRaises(dataclasses.FrozenInstanceError):
            result.status = Status.ALLOW  # type: ignore
        self.assertFalse(Result())
        self.assertEqual(result, dataclasses.replace(result))
        self.assertNotEqual(result, self.validator.validate(self.north))
        self.assertNotIn(self.acme, repr(result))
        self.assertNotIn(self.acme.encode(), result.raw)
        self.assertEqual(len({result, self.validator.validate(self.acme)}), 1)

    def test_text_of_every_type(self) -> None:
        token = self.acme.encode()
        for text in (
            self.acme,
            token,
            bytearray(token),
            memoryview(token),
            memoryview(b" ".join(token[i : i + 1] for i in range(len(token))))[::2],
            array.array("B", token),
            type("Name", (str,), {})(self.acme),
            type("Data", (bytes,), {})(token),
        ):
            self.assertIs(self.status(text), Status.ALLOW)
        self.assertIs(self.status(self.acme, metric=bytearray(b"kpi.x")), Status.ALLOW)
        self.assertIs(self.status(self.acme, metric=memoryview(b"asn.x")), Status.METRIC)
        name = self.name("acme").encode()
        self.assertIs(self.status(self.north, entity=memoryview(name)), Status.ALLOW)
        result = self.validator.validate(self.acme)
        self.assertTrue(self.validator.allows(result, bytearray(b"kpi.x")))
        self.assertFalse(self.validator.allows(result, memoryview(b"asn.x")))

    def test_values_of_wrong_types(self) -> None:
        """A header that was sent twice is a list in some frameworks; a missing one may be False."""
        released = memoryview(b"kpi.x")
        released.release()
        wrong = [5, 54, 0, 1.5, True, False, object(), [self.acme], (), {}, released, Status.ALLOW, ["kpi.x"]]
        for value in wrong:
            self.assertIs(self.status(value), Status.MALFORMED, value)
            self.assertIs(self.status(self.acme, metric=value), Status.METRIC, value)
            self.assertIs(self.status(self.acme, entity=value), Status.ENTITY, value)
            self.assertIs(self.validator.allows(self.validator.validate(self.acme), value), False)
            self.assertIs(self.validator.allows(value, "kpi.x"), False)
        self.assertIs(self.validator.allows(self.validator.validate(self.acme), None), False)
        for text in ("x" * 2**20, "\0" * 2**20, self.acme + "\0x", "\ud800"):
            self.assertIs(self.status(text), Status.MALFORMED)
            self.assertIs(self.status(self.acme, metric=text), Status.METRIC)
            self.assertIs(self.status(self.acme, entity=text), Status.ENTITY)

    def test_times(self) -> None:
        future = 4102444800
        for now in (future, float(future), future + 0.5, 2**63 - 1, float(2**62)):
            self.assertIs(self.status(self.acme, now=now), Status.EXPIRED, now)
        utc = datetime.timezone.utc
        for now in (-1, -0.5, -(2**63), 1e9, datetime.datetime(1969, 1, 1, tzinfo=utc), 0, None):
            self.assertIs(self.status(self.acme, now=now), Status.ALLOW, now)
        self.assertIs(self.status(self.acme, now=datetime.datetime.max.replace(tzinfo=utc)), Status.EXPIRED)
        for now in (
            2**63,
            -(2**63) - 1,
            2**64,
            2**64 + 1,
            10**400,
            float(2**63),
            1e300,
            float("nan"),
            float("inf"),
            -float("inf"),
            True,
            "0",
            b"1",
            [],
            1j,
            datetime.date(2030, 1, 1),
            datetime.datetime.min,
        ):
            if now == datetime.datetime.min and time.timezone == 0:
                continue  # of a zone without an offset this is a time
            result = self.validator.validate(self.acme, now=now)
            self.assertIs(result.status, Status.USAGE, now)
            self.assertEqual((result.reason, result.token_id, result.entity), ("usage", "", ""))
            self.assertIn("now must be", result.detail)

    def test_words(self) -> None:
        words = "unset allow malformed unknown inactive expired suspended tier entity metric unavailable corrupt usage"
        self.assertEqual([self.validator.reason(status) for status in Status], words.split())
        self.assertEqual([status.name.lower() for status in Status], words.split())
        for status in (4711, -1, 2**31, 2**32 + 1, -(2**32) + 1, 2**64 + 1, None, "1", 1.0):
            self.assertEqual(self.validator.reason(status), "unset")  # type: ignore[arg-type]
        self.assertRegex(self.validator.version, r"^\d+\.\d+")

    def test_a_store_that_is_away(self) -> None:
        os.rename(STORE / "tokens.mdb", STORE / "away.mdb")
        try:
            deadline = time.monotonic() + 5
            while self.status(self.acme) is not Status.UNAVAILABLE and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertIs(self.status(self.acme), Status.UNAVAILABLE)
        finally:
            os.rename(STORE / "away.mdb", STORE / "tokens.mdb")
        self.validator.refresh()
        self.assertIs(self.status(self.acme), Status.ALLOW)


class Files(TokenTest):
    def test_the_layout_is_the_headers(self) -> None:
        structs = {
            "espt_query": esp_token._Query,
            "espt_result": esp_token._Result,
            "espt_validator": esp_token._Table,
        }
        lines = pathlib.Path(LAYOUT).read_text().splitlines()
        named = {name: [] for name in structs}
        for line in lines:
            where, *numbers = line.split()
            struct, _, field = where.partition(".")
            if not field:
                self.assertEqual(ctypes.sizeof(structs[struct]), int(numbers[0]), where)
                continue
            named[struct].append(field)
            own = getattr(structs[struct], field)
            self.assertEqual([own.offset, own.size], [int(number) for number in numbers], where)
        for name, struct in structs.items():
            self.assertEqual([entry[0] for entry in struct._fields_], named[name])

    def test_what_cannot_be_opened(self) -> None:
        libc = f"{next(pathlib.Path('/lib').glob('*/libc.so.6'))}"
        for config, plugin, text in (
            ("/nonexistent.conf", PLUGIN, "/nonexistent.conf"),
            ("/non\0existent", PLUGIN, "NUL"),
            (CONFIG, "/nonexistent.so", "/nonexistent.so"),
            (CONFIG, "esp_validator.so", "must begin with /"),
            (CONFIG, libc, "espt_validator_get"),
            ("/\ud800", PLUGIN, "cannot be encoded"),
            (b"/\xff", PLUGIN, "there is no configuration"),
            (CONFIG, "/\ud800", "cannot load"),
            (CONFIG, "/x\0y", "cannot load"),
        ):
            with self.assertRaisesRegex(esp_token.OpenError, text):
                Validator(config, plugin=plugin)
        with self.assertRaisesRegex(TypeError, "log"):
            Validator(CONFIG, plugin=PLUGIN, log="log")  # type: ignore[arg-type]
        (STORE / "tiers.ini").write_text("broken")
        with self.assertRaisesRegex(esp_token.OpenError, r"tiers\.ini:1:"):
            Validator(pathlib.Path(CONFIG), plugin=PLUGIN)

    def test_an_edited_table(self) -> None:
        self.assertIs(self.status(self.acme, metric="asn.traffic"), Status.METRIC)
        result = self.validator.validate(self.acme)
        (STORE / "tiers.ini").write_text(TIERS.replace("kpi.*", "kpi.* asn.*", 1))
        self.validator.refresh()
        self.assertIs(self.status(self.acme, metric="asn.traffic"), Status.ALLOW)
        self.assertTrue(self.validator.allows(result, "asn.traffic"))
        (STORE / "tiers.ini").write_text("broken")
        with self.assertRaisesRegex(esp_token.RefreshError, r"tiers\.ini:1:"):
            self.validator.refresh()
        self.assertIs(self.status(self.acme, metric="asn.traffic"), Status.ALLOW)
        deadline = time.monotonic() + 5
        while not self.logged and time.monotonic() < deadline:
            self.status(self.acme)
            time.sleep(0.05)
        self.assertTrue(any("tiers.ini:1:" in line for _, line in self.logged), self.logged)

    def test_a_log_that_raises(self) -> None:
        def log(level: int, line: str) -> None:
            self.logged.append((level, line))
            raise RuntimeError(line)

        told: List[object] = []
        kept, sys.unraisablehook = sys.unraisablehook, told.append
        try:
            with Validator(CONFIG, plugin=PLUGIN, log=log) as validator:
                (STORE / "tiers.ini").write_text("broken")
                deadline = time.monotonic() + 5
                while not self.logged and time.monotonic() < deadline:
                    self.assertTrue(validator.validate(self.acme))
                    time.sleep(0.05)
        finally:
            sys.unraisablehook = kept
        self.assertTrue(self.logged)
        self.assertTrue(told)

    def test_the_environment_is_not_read(self) -> None:
        os.environ["ESP_TOKEN_CONFIG"] = CONFIG
        try:
            with self.assertRaises(esp_token.OpenError) as caught:
                Validator(plugin=PLUGIN)
            self.assertIn("/etc/esp-token/esp-token.conf", str(caught.exception))
        finally:
            del os.environ["ESP_TOKEN_CONFIG"]


class Life(TokenTest):
    def test_a_closed_validator(self) -> None:
        with self.validator as validator:
            self.assertTrue(validator.validate(self.acme))
        for call in (
            lambda: validator.validate(self.acme),
            lambda: validator.allows(Result(), "kpi.x"),
            validator.refresh,
            lambda: validator.version,
            lambda: validator.__enter__(),
        ):
            with self.assertRaisesRegex(ValueError, "closed"):
                call()
        validator.close()

    def test_nothing_is_left(self) -> None:
        def files() -> int:
            return len(os.listdir("/proc/self/fd"))

        def maps() -> int:
            return pathlib.Path("/proc/self/maps").read_text().count("tokens.mdb")

        before = files(), maps()
        for _ in range(1000):
            Validator(CONFIG, plugin=PLUGIN).validate(self.acme)
        self.assertEqual((files(), maps()), before)

    def test_many_threads(self) -> None:
        wrong: List[Result] = []
        calls = [0] * 8
        stop = threading.Event()

        def ask(number: int) -> None:
            while not stop.is_set():
                good = self.validator.validate(
                    self.north, metric="asn.traffic", entity=self.name("acme")
                )
                bad = self.validator.validate(self.other, entity=self.name("acme"))
                mine = self.validator.validate(self.acme)
                if not good or bad.status is not Status.ENTITY or good.entity != self.name("north"):
                    wrong.append(good)
                if (
                    mine.status not in (Status.ALLOW, Status.INACTIVE)
                    or mine.token_id != self.acme_id
                ):
                    wrong.append(mine)
                calls[number] += 1

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(calls))]
        for thread in threads:
            thread.start()
        for _ in range(10):
            ctl("edit", self.acme_id, "--status", "inactive")
            self.assertIs(self.status(self.acme), Status.INACTIVE)
            ctl("edit", self.acme_id, "--status", "active")
            self.assertIs(self.status(self.acme), Status.ALLOW)
            self.assertTrue(in_child(lambda: self.status(self.acme) is Status.ALLOW))
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertGreater(min(calls), 10)

    def test_closed_amid_calls(self) -> None:
        for _ in range(50):
            validator = Validator(CONFIG, plugin=PLUGIN)
            ends: List[str] = []

            def ask() -> None:
                try:
                    while validator.validate(self.acme):
                        pass
                    ends.append("denied")
                except ValueError as error:
                    ends.append(str(error))

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            validator.close()
            for thread in threads:
                thread.join()
            self.assertEqual(ends, ["the validator is closed"] * 4)

    def test_after_fork(self) -> None:
        """A child sees what changes after it began, and reloads and logs by itself."""
        ready, told = os.pipe(), os.pipe()

        def child() -> bool:
            first = self.status(self.acme)
            os.write(ready[1], b"x")
            os.read(told[0], 1)
            then = self.status(self.acme)
            (STORE / "tiers.ini").write_text("broken")
            deadline = time.monotonic() + 5
            while not self.logged and time.monotonic() < deadline:
                self.status(self.acme)
                time.sleep(0.05)
            return first is Status.ALLOW and then is Status.INACTIVE and bool(self.logged)

        def change() -> None:
            os.read(ready[0], 1)
            ctl("edit", self.acme_id, "--status", "inactive")
            os.write(told[1], b"x")

        changing = threading.Thread(target=change)
        changing.start()
        self.assertTrue(in_child(child))
        changing.join()
        self.assertIs(self.status(self.acme), Status.INACTIVE)
        ctl("edit", self.acme_id, "--status", "active")
        self.assertIs(self.status(self.acme), Status.ALLOW)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
