"""The voice example, loaded as a module, and a device that notes what happens to it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.programs import ROOT

FOLDER = ROOT / "examples" / "voice"


def example(name: str, folder: Path = FOLDER) -> ModuleType:
    """An example as a module; its program does not run."""
    spec = importlib.util.spec_from_file_location(
        f"voice_{name}", folder / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def noting(module: ModuleType, reactor: Any, http: Any, url: str) -> Any:
    """A device that keeps directives, sounds and losses."""

    class Noting(module.Device):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__(reactor, http, url)
            self.messages: list[Any] = []
            self.sounds: list[bytes] = []
            self.losses: list[BaseException] = []

        def obey(self, message: Any) -> None:
            self.messages.append(message)
            super().obey(message)

        def play(self, content_id: str, sound: bytes) -> None:
            self.sounds.append(sound)

        def lost(self, error: BaseException) -> None:
            self.losses.append(error)

    return Noting()


def names(device: Any) -> list[str]:
    """The names of the directives that it was given."""
    return [m["directive"]["header"]["name"] for m in device.messages if m]
