"""Meter telegrams: what meters say on their own interfaces, read from the raw bytes.

Serial-to-MQTT bridges and LoRaWAN modules pass these bytes on as they are. Each module reads one
language of meters and needs nothing but the payload (and the zone of a meter's wall clock).
"""
