"""A sink for MQTT that keeps nothing: it reads PUBLISH packets and acknowledges those of QoS 1.

Run as a program, it listens on a free port of this machine, prints the port, and ends with its
standard input. It is a process of its own, so that a benchmark measures who sends.
"""

import asyncio
import sys

CONNACK, PINGRESP = b"\x20\x02\x00\x00", b"\xd0\x00"


class Sink(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport):
        self.transport, self.rest = transport, b""

    def data_received(self, data):
        data = self.rest + data if self.rest else data
        at, end, told = 0, len(data), []
        while at + 2 <= end:
            kind, length, start = data[at], data[at + 1], at + 2
            if length >= 0x80:
                shift, length = 7, length & 0x7F
                while start < end:
                    byte = data[start]
                    length |= (byte & 0x7F) << shift
                    start, shift = start + 1, shift + 7
                    if byte < 0x80:
                        break
                else:
                    break
            if start + length > end:
                break
            if kind & 0xF6 == 0x32:
                place = start + 2 + (data[start] << 8) + data[start + 1]
                told.append(b"\x40\x02" + data[place : place + 2])
            elif kind == 0x10:
                told.append(CONNACK)
            elif kind == 0xC0:
                told.append(PINGRESP)
            elif kind == 0xE0:
                self.transport.close()
            at = start + length
        self.rest = data[at:]
        if told:
            self.transport.write(b"".join(told))


async def main():
    """Listen until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
