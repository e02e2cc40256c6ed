"""posada templates: how every message reads, in the terminal or in a browser, and what WhatsApp has to approve."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from posada.output import out, print_json
from services.notifications.content.rendering import BY_EMAIL_ONLY, Templates
from services.notifications.content.samples import check, samples
from services.notifications.delivery.model import Content, Event
from shared.contracts.common import Language
from shared.safety.files import write_into

Region = Annotated[str, typer.Option("--region", help="ISO country: how money and dates are written.")]
FORMS = ("email", "chat", "sms", "whatsapp", "voice")


class Page(NamedTuple):
    """One template with one sample."""

    event: Event
    language: Language
    form: str
    number: int
    content: Content


def register(app: typer.Typer) -> None:
    """Add the commands."""
    templates = typer.Typer(help="Look at the templates of messages.", no_args_is_help=True)
    templates.command()(preview)
    templates.command()(whatsapp)
    app.add_typer(templates, name="templates")


def preview(  # noqa: PLR0917 — options, each given by its name
    event: Annotated[Event | None, typer.Argument(help="One event; else all.")] = None,
    language: Annotated[Language | None, typer.Option("--language", help="One language; else both.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help=f"One of {', '.join(FORMS)}; else all.")] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Write web pages and open them in a browser.")] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="Write the web pages there.", metavar="DIR")] = None,
    region: Region = "SV",
) -> None:
    """Render templates with samples: e-mails, chat, SMS, WhatsApp templates and calls."""
    if channel is not None and channel not in FORMS:
        raise typer.BadParameter(f"there is no {channel}: choose one of {', '.join(FORMS)}", param_hint="--channel")
    templates = Templates(region)
    check(templates)
    pages = list(_pages(templates, event, language, channel))
    if browser or folder:
        index = _write(folder or Path(mkdtemp(prefix="posada-templates-")), pages)
        out().print(f"{len(pages)} pages: {index}", markup=False, soft_wrap=True)
        if browser:
            webbrowser.open(index.as_uri())
        return
    for page in pages:
        _print(page)


def whatsapp(
    region: Region = "SV",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Print the bodies of WhatsApp templates, to be handed in for approval; {{names}} are their variables."""
    templates = Templates(region)
    bodies = {
        f"{event}.{language}": templates.body(event, language, samples(language)[event][0])
        for language in Language
        for event in Event
        if event not in BY_EMAIL_ONLY
    }
    if as_json:
        print_json(bodies)
        return
    for name, body in bodies.items():
        out().print(Text(name, style="bold cyan"), Text(body), "", sep="\n", soft_wrap=True)


def _pages(
    templates: Templates, wanted: Event | None, language: Language | None, channel: str | None
) -> Iterator[Page]:
    for spoken in [language] if language else Language:
        for event in [wanted] if wanted else Event:
            for number, facts in enumerate(samples(spoken)[event], 1):
                for form, content in _forms(templates, event, spoken, facts):
                    if channel in (None, form):
                        yield Page(event, spoken, form, number, content)


def _forms(templates: Templates, event: Event, language: Language, facts: Any) -> Iterator[tuple[str, Content]]:
    yield "email", templates.email(event, language, facts)
    if event in BY_EMAIL_ONLY:
        yield "voice", templates.voice(event, language, facts)
        return
    yield "chat", templates.chat(event, language, facts)
    yield "sms", templates.sms(event, language, facts)
    body = templates.body(event, language, facts)
    for name, value in templates.parameters(event, language, facts):
        body = body.replace(f"{{{{{name}}}}}", value)
    yield "whatsapp", Content(body)


def _title(page: Page) -> str:
    return f"{page.event} · {page.language} · {page.form} · {page.number}"


def _print(page: Page) -> None:
    console, content = out(), page.content
    parts = [Text(content.subject, style="bold")] if content.subject else []
    parts.append(Text(content.text))
    if console.is_terminal:
        console.print(Panel(Group(*parts), title=Text(_title(page), style="bold cyan"), title_align="left"))
    else:
        console.print(Text(_title(page)), *parts, "", sep="\n", soft_wrap=True)


def _write(folder: Path, pages: list[Page]) -> Path:
    """Write a page for each, e-mails as they are; returns the index."""
    folder.mkdir(parents=True, exist_ok=True)
    links = []
    for page in pages:
        name = f"{page.language}-{page.event}-{page.form}-{page.number}.html"
        text = f"<meta charset=utf-8><pre style='white-space:pre-wrap;font:16px sans-serif'>{escape(page.content.text)}"
        write_into(folder, name, page.content.html or text)
        links.append(f"<li><a href='{name}'>{escape(_title(page))}</a>")
    write_into(folder, "index.html", "<meta charset=utf-8><title>Posada</title><ul>" + "\n".join(links))
    return (folder / "index.html").absolute()
