"""Ctrl-C ends a command though a package drops the exception, and cleaning up is not disturbed."""

import contextlib
import os
import signal
import sys
import time

import pytest

from hamsight.cli.interrupts import heard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")


def press():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


def test_an_exception_that_is_dropped_is_raised_again():
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), heard():
        with contextlib.suppress(KeyboardInterrupt):
            press()
        time.sleep(5)
    assert time.monotonic() - began < 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_cleaned_up_is_not_disturbed():
    cleaned = False
    with pytest.raises(KeyboardInterrupt), heard():
        try:
            press()
        finally:
            time.sleep(1.2)
            cleaned = True
    assert cleaned
