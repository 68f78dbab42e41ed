# SPDX-License-Identifier: Apache-2.0
"""Just enough of the protobuf wire format to write and read the messages the tests use, with no
generated code: fields by number, as the .proto files have them."""


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def encode(fields):
    """{number: str | bytes | int | bool | list of those} -> bytes."""
    out = bytearray()
    for number, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += varint(number << 3) + varint(value)
            else:
                data = value.encode() if isinstance(value, str) else value
                out += varint(number << 3 | 2) + varint(len(data)) + data
    return bytes(out)


def read_varint(data, at):
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


class Message(dict):
    """Field number -> list of values (int, or bytes)."""

    def int(self, number, default=0):
        return self[number][-1] if number in self else default

    def signed(self, number):
        value = self.int(number)
        return value - (1 << 64) if value >> 63 else value

    def bytes(self, number):
        return self[number][-1] if number in self else b""

    def str(self, number):
        return self.bytes(number).decode()

    def message(self, number):
        return decode(self.bytes(number))

    def messages(self, number):
        return [decode(value) for value in self.get(number, [])]


def decode(data):
    out, at = Message(), 0
    while at < len(data):
        key, at = read_varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire == 2:
            size, at = read_varint(data, at)
            if at + size > len(data):
                raise ValueError("field %d is cut off" % (key >> 3))
            value, at = data[at:at + size], at + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = int.from_bytes(data[at:at + size], "little"), at + size
        else:
            raise ValueError("wire type %d" % wire)
        out.setdefault(key >> 3, []).append(value)
    return out


def grpc_frame(message):
    """A message with its gRPC prefix: not compressed, length."""
    return b"\0" + len(message).to_bytes(4, "big") + message
