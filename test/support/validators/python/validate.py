"""Judges PDFs with pyHanko. Reads jobs from stdin, one a line, and answers each with one line of JSON.

A job is `name=value`, separated by tabs: `pdf`, `anchors` and `timestampAnchors` are paths, the latter of PEM files;
`revocation` demands revocation data, of the signature's `container` or the PDF's DSS `dictionary`. pyHanko fetches
nothing.
"""

import json
import logging
import sys

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import find_unique_cms_attribute
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext


def judge(job):
    with open(job["pdf"], "rb") as file:
        reader = PdfFileReader(file)
        [embedded] = reader.embedded_signatures
        context = create_context(reader, embedded, job.get("revocation"))
        status = validate_pdf_signature(
            embedded,
            signer_validation_context=context(job["anchors"]),
            ts_validation_context=context(job["timestampAnchors"]),
        )
    if status.bottom_line:
        return {"complaint": None}
    reason = status.trust_problem_indic
    return {"complaint": " ".join([status.summary(), *([reason.standard_name] if reason else [])])}


def create_context(reader, embedded, place):
    """Returns a function that makes a context of a path of trust anchors. Revocation data is required of the place."""

    def context(anchors):
        settings = {"trust_roots": list(load_certs_from_pemder([anchors])), "allow_fetching": False}
        if place is None:
            return ValidationContext(**settings)
        settings["revocation_mode"] = "require"
        if place == "dictionary":
            return DocumentSecurityStore.read_dss(reader).as_validation_context(settings)
        archival = find_unique_cms_attribute(
            embedded.signer_info["signed_attrs"], "adobe_revocation_info_archival"
        )
        return ValidationContext(
            **settings, crls=list(archival["crl"] or []), ocsps=list(archival["ocsp"] or [])
        )

    return context


def answer(line):
    try:
        return judge(dict(field.split("=", 1) for field in line.rstrip("\n").split("\t")))
    except Exception as error:
        return {"complaint": f"{type(error).__name__}: {error}"}


logging.disable()
for line in sys.stdin:
    print(json.dumps(answer(line)), flush=True)
