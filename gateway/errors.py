"""What can go wrong between a broker and the intake.

GatewayError
├── AddressError   a broker's address can't be read          mend the setting
├── SettingsError  settings can't be used                    mend what its sentences name
└── BrokerError    the embedded broker can't start or stay   see its sentence
"""


class GatewayError(Exception):
    """Everything that gateway raises on purpose; its text is a sentence for a person."""


class AddressError(GatewayError, ValueError):
    """A broker's address is not one."""


class BrokerError(GatewayError):
    """The embedded broker can't be started, or has ended by itself."""


class SettingsError(GatewayError):
    """Settings are wrong; a sentence a line."""
