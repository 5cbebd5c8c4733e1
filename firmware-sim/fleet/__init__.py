"""What would a device put on the wire? Encoders, devices, a demo city, recordings and replay.

Nothing here is shared with the decoders of the backend: an encoder and a decoder that share code
merely agree with themselves. Values are pure functions of seed and time, so a run can be repeated
byte for byte, and a device that is started again continues where its register would be.
"""
