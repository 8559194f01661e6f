import json
import sys
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from styles.doctor import Finding, Level, examine, is_well

MARKS = {
    Level.OK: "ok     ",
    Level.LOOK: "LOOK   ",
    Level.WRONG: "WRONG  ",
    Level.SKIPPED: "–      ",
}


class Command(BaseCommand):
    help = "Look at everything that this server needs; say what is wrong and what to do."
    # It says itself what they find, and goes on.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--offline", action="store_true", help="ask nobody in the network")
        parser.add_argument("--mail-to", default="", metavar="ADDRESS", help="send a mail there")
        parser.add_argument("--json", action="store_true", help="say it to a program")

    def handle(self, *args: Any, offline: bool, mail_to: str, **options: Any) -> None:
        findings = examine(offline=offline, mail_to=mail_to)
        if options["json"]:
            listed = [finding.as_dict() for finding in findings]
            self.stdout.write(json.dumps({"ok": is_well(findings), "findings": listed}, indent=2))
        else:
            self.stdout.write("\n".join(self.lines(findings)))
        if not is_well(findings):
            sys.exit(1)

    def lines(self, findings: list[Finding]) -> list[str]:
        lines: list[str] = []
        for about, some in groupby(findings, lambda finding: finding.about):
            lines.append(about.capitalize())
            for finding in some:
                lines.append(f"  {self.marked(finding.level)} {finding.says}")
                lines += [f"          → {finding.do}"] if finding.do else []
        return [*lines, "", summary(findings)]

    def marked(self, level: Level) -> str:
        style = {Level.OK: self.style.SUCCESS, Level.LOOK: self.style.WARNING}
        return str(
            style.get(level, self.style.ERROR if level is Level.WRONG else str)(MARKS[level])
        )


def summary(findings: list[Finding]) -> str:
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    to_look_at = sum(finding.level is Level.LOOK for finding in findings)
    if not wrong:
        return f"Nothing is wrong. Worth a look: {to_look_at}."
    return f"Wrong: {wrong}. Worth a look: {to_look_at}. Begin with the first."
