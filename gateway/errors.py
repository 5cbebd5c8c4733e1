"""What can go wrong between a broker and the intake.

GatewayError
├── AddressError   a broker's address can't be read          mend the setting
├── SettingsError  settings can't be used                    mend what its sentences name
├── NotifyError    the file of `notify` is wrong    mend what its sentences name
├── DeliveryError  a message did not get through     it is tried again
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


class NotifyError(GatewayError):
    """The file that says who is told is wrong; `faults` has a sentence for each thing."""

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


class DeliveryError(GatewayError):
    """A message did not reach who is to be told; its text says why, without any secret."""
