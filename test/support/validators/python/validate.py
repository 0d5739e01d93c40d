"""Judges PDFs with pyHanko. Reads jobs from stdin, one a line, and answers each with one line of JSON.

A job is `name=value`, separated by tabs: `pdf`, `anchors` and `timestampAnchors` are paths, the latter of PEM files;
`revocation` demands revocation data, which the signature must bring. pyHanko fetches nothing.
"""

import json
import logging
import sys

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import find_unique_cms_attribute
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext


def judge(job):
    with open(job["pdf"], "rb") as file:
        [embedded] = PdfFileReader(file).embedded_signatures
        evidence = archived(embedded) if "revocation" in job else {}
        status = validate_pdf_signature(
            embedded,
            signer_validation_context=context(job["anchors"], evidence),
            ts_validation_context=context(job["timestampAnchors"], evidence),
        )
    if status.bottom_line:
        return {"complaint": None}
    reason = status.trust_problem_indic
    return {"complaint": " ".join([status.summary(), *([reason.standard_name] if reason else [])])}


def archived(embedded):
    """Returns the revocation data of adbe-revocationInfoArchival, required to be enough."""
    archival = find_unique_cms_attribute(
        embedded.signer_info["signed_attrs"], "adobe_revocation_info_archival"
    )
    return {
        "revocation_mode": "require",
        "crls": list(archival["crl"] or []),
        "ocsps": list(archival["ocsp"] or []),
    }


def context(anchors, evidence):
    roots = list(load_certs_from_pemder([anchors]))
    return ValidationContext(trust_roots=roots, allow_fetching=False, **evidence)


def answer(line):
    try:
        return judge(dict(field.split("=", 1) for field in line.rstrip("\n").split("\t")))
    except Exception as error:
        return {"complaint": f"{type(error).__name__}: {error}"}


logging.disable()
for line in sys.stdin:
    print(json.dumps(answer(line)), flush=True)
