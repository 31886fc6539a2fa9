"""Profiles: what is tolerated, for each of the three families of multipart bodies.

Real senders differ too much for one rule, and a server on the open net must
not take what only a mail gateway writes. So there are three fixed sets of
rules. What a profile takes although no RFC allows it is recorded as an
``Anomaly``; what an RFC allows, white space behind a delimiter for instance, is
not.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import NamedTuple


class Anomaly(NamedTuple):
    """Something that was tolerated: a fixed word for it, and where (in bytes).

    =================== =================================================  ==============
    code                what it is                                         where
    =================== =================================================  ==============
    preamble            text before the first delimiter                    the delimiter
    bare-lf             the body's lines end in LF                         the delimiter
    no-first-delimiter  headers where a delimiter should be                the headers
    header-folding      a header that goes on in another line              that line
    bad-parameter       parameters of a header make no sense; left out     the part
    duplicate-parameter a header has a parameter twice; all are left out   the part
    duplicate-header    a second Content-Disposition or -Type; not read    the part
    boundary-prefix     a line that only begins like a delimiter; content  the content
    no-close-delimiter  the body ended behind an open one, or none         the end
    epilogue            text behind the close delimiter                    the text
    =================== =================================================  ==============
    """

    code: str
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One set of rules. Use one of the three below; ``eq`` is identity.

    To copy or unpickle one of the three gives that one.
    """

    #: For people.
    name: str
    #: A header field may go on in lines that begin with white space (RFC 5322 section 2.2.3).
    folding: bool
    #: White space may follow a delimiter on its line (RFC 2046 section 5.1.1).
    padding: bool
    #: A message may end all its lines in a bare LF, as one whole.
    bare_lf: bool
    #: Text may stand before the first and after the last delimiter.
    surroundings: bool
    #: A part may end at a delimiter that follows its headers with no blank line,
    #: and a body may end at a delimiter that lacks its final two dashes.
    loose_ends: bool
    #: Each part needs a Content-Disposition, and a header that comes twice or has
    #: parameters that make no sense is an error.
    strict_headers: bool
    #: ``%22``, ``%0D`` and ``%0A`` in parameters are decoded, and nothing else is
    #: (WHATWG HTML, "multipart/form-data encoding algorithm"); otherwise quoted
    #: pairs, RFC 8187 and RFC 2231 apply.
    form_escapes: bool
    #: The boundary may be declared with its dashes or not at all, a part may end
    #: where its Content-Length says, and the body may never end.
    endless: bool

    def __post_init__(self) -> None:
        # Behind a part that was counted anything may stand before the delimiter.
        if self.endless and not (self.surroundings and self.loose_ends):
            raise ValueError("an endless body has surroundings and loose ends")

    def __reduce__(self) -> str | tuple[object, ...]:
        for name in ("FORM_DATA", "MIME", "REPLACE"):
            if globals()[name] is self:
                return name  # of this module, where it is looked up
        return Profile, astuple(self)

    @property
    def plain(self) -> bool:
        """Whether a delimiter is always a line of its own between content and headers.

        And headers are right or refused: those are what the shortcuts rely on.
        """
        loose = self.folding or self.padding or self.loose_ends or self.endless
        return self.strict_headers and not loose


#: multipart/form-data as browsers and careful clients write it (RFC 7578).
FORM_DATA = Profile(
    name="form-data",
    folding=False,
    padding=False,
    bare_lf=False,
    surroundings=False,
    loose_ends=False,
    strict_headers=True,
    form_escapes=True,
    endless=False,
)

#: Every other multipart (RFC 2046), from programs that grew up with mail.
MIME = Profile(
    name="mime",
    folding=True,
    padding=True,
    bare_lf=True,
    surroundings=True,
    loose_ends=True,
    strict_headers=False,
    form_escapes=False,
    endless=False,
)

#: multipart/x-mixed-replace: cameras and other endless senders.
REPLACE = replace(MIME, name="replace", endless=True)


def profile_for(content_type: str) -> Profile:
    """The profile for a bare, lower-case type such as ``multipart/form-data``."""
    if content_type == "multipart/form-data":
        return FORM_DATA
    if content_type == "multipart/x-mixed-replace":
        return REPLACE
    return MIME
