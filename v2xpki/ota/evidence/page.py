"""A report as a page: one file of HTML without scripts, for screens, readers' aids and paper."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from v2xpki.ota.evidence.shapes import Document


def page(report: Document) -> str:
    """The HTML of what `release_report` or `vehicle_report` gives. Every text in it is escaped: names and
    reasons come from people, and what is reported from vehicles."""
    return _template().render(report)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("v2xpki.ota.evidence", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
