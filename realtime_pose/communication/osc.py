"""OSC sender of joint rotations in the VMC protocol. Needs ``requirements/net.txt``.

Facts: https://protocol.vmc.info/marionette-spec. A frame is one bundle of ``/VMC/Ext/OK``,
``/VMC/Ext/T``, ``/VMC/Ext/Root/Pos`` and a ``/VMC/Ext/Bone/Pos`` per bone: name, position and
rotation, local to the parent. Names are those of Unity's ``HumanBodyBones``, and so are the axes:
Unity is left-handed, x to the right of a person who faces +z. Receivers listen on port 39539.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime_pose.communication.keypoints_sender import DEFAULT_HOST
from realtime_pose.communication.message import Person, PoseMessage
from realtime_pose.communication.sinks import logger
from realtime_pose.communication.udp import LOOPBACK, DatagramSocket
from realtime_pose.ik.rig import Rig

VMC_PORT = 39539
MIN_SCORE = 0.3  # of a person; a shadow at the wall would move the avatar as well


def unity_name(bone: str) -> str:
    """Returns ``LeftUpperArm`` for ``leftUpperArm``."""
    return bone[0].upper() + bone[1:]


def to_unity(position: NDArray[np.floating], rotation: NDArray[np.floating]) -> list[float]:
    """Returns position and rotation (x, y, z, w) with the x axis mirrored, as 7 floats."""
    x, y, z = (float(value) for value in position)
    qx, qy, qz, qw = (float(value) for value in rotation)
    return [-x, y, z, qx, -qy, -qz, qw]


class VmcSink:
    """Message sink that sends the pose of one person to an avatar application.

    Args:
        host: Name or address of the receiver.
        port: Port of the receiver.
        allowed: Allowed addresses and networks; this machine by default.
        person_id: Person to show; None shows the person of highest score until it leaves. Nobody
            whose score is below 0.3 is shown.
        rig: Rig whose bone positions are sent; receivers that only rotate bones ignore them.

    Raises:
        ImportError: If the package ``python-osc`` is missing.
        ValueError: If the target is not allowed.
    """

    def __init__(
        self,
        host: str = DEFAULT_HOST,
        port: int = VMC_PORT,
        allowed: Sequence[str] = LOOPBACK,
        person_id: int | None = None,
        rig: Rig | None = None,
    ) -> None:
        try:
            import pythonosc  # noqa: F401
        except ImportError:
            raise ImportError(
                'OSC needs the package python-osc: pip install -r requirements/net.txt'
            ) from None
        self.person_id = person_id
        self.rig = Rig.default() if rig is None else rig
        self._shown: int | None = None
        self._is_silence_said = False
        self._socket = DatagramSocket(host, port, allowed, 'OSC')
        self._start = time.monotonic()

    def send(self, message: PoseMessage) -> None:
        """Sends the rotations of the chosen person; their absence is logged once."""
        person = self._choose(message)
        if person is not None:
            self._socket.send([self.encode(person, time.monotonic() - self._start)])
        elif message.people and not self._is_silence_said:
            self._is_silence_said = True
            logger.warning(
                '%s: nothing is sent while people have no rotations: 3D is off, too little of them '
                f'is seen, their score is below {MIN_SCORE}, or another one is to be shown',
                self._socket.outage.name,
            )

    def encode(self, person: Person, time_s: float) -> bytes:
        """Returns the bundle of one person, ``rotations`` and ``root`` given."""
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder

        assert person.rotations is not None
        assert person.root is not None
        builder = OscBundleBuilder(IMMEDIATELY)
        builder.add_content(_osc_message('/VMC/Ext/OK', 1))
        builder.add_content(_osc_message('/VMC/Ext/T', float(time_s)))
        still = to_unity(np.zeros(3), np.array([0, 0, 0, 1]))
        builder.add_content(_osc_message('/VMC/Ext/Root/Pos', 'root', *still))
        for bone, offset in zip(self.rig.names, self.rig.offsets, strict=True):
            if bone in person.rotations:
                position = person.root if bone == 'hips' else offset
                values = to_unity(position, person.rotations[bone])
                builder.add_content(_osc_message('/VMC/Ext/Bone/Pos', unity_name(bone), *values))
        return builder.build().dgram

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def _choose(self, message: PoseMessage) -> Person | None:
        posed = {
            person.id: person
            for person in message.people
            if person.rotations is not None and person.score >= MIN_SCORE
        }
        if self.person_id is not None:
            return posed.get(self.person_id)
        if self._shown not in posed and posed:
            self._shown = max(posed, key=lambda key: posed[key].score)
        return posed.get(self._shown) if self._shown is not None else None


def _osc_message(address: str, *values: str | int | float):  # type: ignore[no-untyped-def]
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()
