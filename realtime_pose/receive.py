"""Example receiver of a UDP stream: ``python -m realtime_pose.receive --port 5005``.

It needs NumPy and msgspec only. Once a second it prints the ids of people, the message rate and the
number of lost messages; with ``--json`` each message on its own line. Malformed and oversized
messages are counted and reported once a second, however many there are.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TextIO

from realtime_pose.communication.keypoints_sender import DEFAULT_HOST, DEFAULT_PORT, PosePacket
from realtime_pose.communication.message import PoseMessage
from realtime_pose.communication.schema import require_msgspec
from realtime_pose.communication.udp_receiver import UdpReceiver

REPORT_S = 1.0


def parse_args() -> argparse.Namespace:
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m realtime_pose.receive',
        description='Receives poses over UDP (versions 1 and 2) and prints what comes.',
    )
    parser.add_argument('--port', type=int, default=DEFAULT_PORT, help='0: any that is free')
    parser.add_argument(
        '--host', default=DEFAULT_HOST, help='address to listen on; only this machine by default'
    )
    parser.add_argument('--json', action='store_true', help='print each message as a line of JSON')
    parser.add_argument(
        '--max-bytes', type=int, default=2_000_000, help='messages larger than this are refused'
    )
    parser.add_argument('--seconds', type=float, help='stop after this time')
    parser.add_argument('--count', type=int, help='stop after this many messages')
    args = parser.parse_args()
    for name in ('max_bytes', 'seconds', 'count'):
        value = getattr(args, name)
        if value is not None and not value > 0:
            sys.exit(f'error: --{name.replace("_", "-")} is {value}, expected more than 0')
    return args


def summary_of(message: PoseMessage | PosePacket) -> str:
    """Returns a short summary of the people in a message."""
    if isinstance(message, PosePacket):
        return f'version 1, one person of {len(message.keypoints)} keypoints'
    people = ', '.join(f'#{person.id} {person.score:.2f}' for person in message.people[:8])
    more = ', ...' if len(message.people) > 8 else ''
    age_ms = 1000 * (message.t_sent - message.t_capture)
    return (
        f'version 2, {len(message.people)} people ({people}{more}), frame {message.frame_id} of '
        f'{message.source[:60]!r}, {age_ms:.0f} ms old when sent'
    )


class Reporter:
    """Periodic report about a receiver, at most two lines per second."""

    def __init__(self, receiver: UdpReceiver, stream: TextIO) -> None:
        self.receiver = receiver
        self.stream = stream
        self._due = time.monotonic() + REPORT_S
        self._told = (0, 0)

    def tick(self, latest: PoseMessage | PosePacket | None, is_last: bool = False) -> None:
        """Prints new counts, at most once per second."""
        now = time.monotonic()
        if now < self._due and not is_last:
            return
        self._due = now + REPORT_S
        counter, refused = self.receiver.counter, self.receiver.refused
        num_received, num_refused = self._told
        self._told = (counter.num_received, refused.total())
        if latest is not None and counter.num_received > num_received:
            total = counter.num_received + counter.num_lost
            self._print(
                f'{counter.num_received} messages, {counter.fps(now):.1f} per second, '
                f'{counter.num_lost} lost ({counter.num_lost / total:.1%}), '
                f'{self.receiver.num_incomplete} incomplete; last: {summary_of(latest)}'
            )
        if refused.total() > num_refused:
            kinds = ', '.join(f'{count} {kind}' for kind, count in sorted(refused.items()))
            reason = self.receiver.last_reason[:200]
            self._print(f'refused {refused.total() - num_refused} more ({kinds}); last {reason}')

    def _print(self, text: str) -> None:
        printable = text.encode('ascii', 'backslashreplace').decode()  # it comes from the network
        print(printable, file=self.stream, flush=True)


def output_of(args: argparse.Namespace) -> TextIO:
    """Returns the stream of reports: stderr if stdout has the messages."""
    return sys.stderr if args.json else sys.stdout


def listen(receiver: UdpReceiver, args: argparse.Namespace) -> None:
    """Receives until the limits of the command line or an interruption."""
    reporter = Reporter(receiver, output_of(args))
    stop_at = None if args.seconds is None else time.monotonic() + args.seconds
    latest = None
    try:
        while stop_at is None or time.monotonic() < stop_at:
            message = receiver.receive(0.1)
            latest = message or latest
            if message is not None and args.json:
                print(message.to_json(), flush=True)
            reporter.tick(latest)
            if args.count is not None and receiver.counter.num_received >= args.count:
                break
    except KeyboardInterrupt:
        pass
    reporter.tick(latest, is_last=True)


def main() -> None:
    """Runs the command."""
    args = parse_args()
    try:
        require_msgspec()
        receiver = UdpReceiver(args.port, args.host, args.max_bytes)
    except (OSError, ImportError) as error:
        sys.exit(f'error: {error}')
    try:
        print(f'listening on {args.host}:{receiver.port}', file=output_of(args), flush=True)
        listen(receiver, args)
    except BrokenPipeError:  # the reader of a pipe, such as head, has ended
        os._exit(1)
    finally:
        receiver.close()


if __name__ == '__main__':
    main()
