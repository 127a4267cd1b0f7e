"""What a benchmark record says. Floor: evaluate; read by `finding`, carried out by `binder.run.benchmarks`."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from binder.config.base import Section
from binder.errors import ConfigError
from binder.prompts import TEXT, Prompts
from binder.storage import hash_json

TABLE = "pairs.parquet"


class Download(Section):
    """A file of the official release.

    Attributes:
        file: its name as downloaded.
        url: where the publisher offers it.
        md5: the checksum that the publisher states; None where they state none.
    """

    file: str
    url: str
    md5: str | None = Field(default=None, pattern="^[0-9a-f]{32}$")


class Published(Section):
    """A number that somebody reported under this protocol, or under the nearest to it that is known.

    Attributes:
        model: whose.
        value: of the headline metric, between 0 and 1.
        source: where it stands.
        note: what differs from this record.
    """

    model: str
    value: float = Field(ge=0, le=1)
    source: str
    note: str | None = None


class Headline(Section):
    """The one number to quote.

    Attributes:
        metric: name of a metric of a report's cells.
        query: modality that asks.
        gallery: modality that answers. Where there is no `query`, the average over all pairs of towers counts
            that the certificate calls emergent.
    """

    metric: str
    query: str | None = None
    gallery: str | None = None

    @model_validator(mode="after")
    def _a_pair_or_all(self) -> "Headline":
        if (self.query is None) != (self.gallery is None):
            raise ValueError("query and gallery belong together")
        return self


class Templates(Section):
    """The prompts that a class name is put in.

    Attributes:
        texts: with one `{}` each; or `openai_imagenet`, the 80 of CLIP as the library open_clip holds them.
        noun: stands for the word `photo` of these 80, as in "a bad sound of a {}."
        hash: of the filled-in list (`Prompts.hash`): a library that changes its list is noticed.
    """

    texts: Literal["openai_imagenet"] | tuple[str, ...]
    noun: str = "photo"
    hash: str

    def open(self) -> list[str]:
        """The templates themselves.

        Raises:
            ConfigError: they are not those that the record was made with.
        """
        texts = list(self.texts) if isinstance(self.texts, tuple) else _openai_imagenet(self.noun)
        found = Prompts.open(texts).hash
        if found != self.hash:
            raise ConfigError.explain(
                "prompt templates have changed", got=found, expected=self.hash, fix="install the version of open_clip "
                "that constraints.txt names"
            )  # fmt: skip
        return texts


class Benchmark(Section):
    """One record: everything that makes two numbers comparable, and where the data come from.

    Attributes:
        name: short, without version; its `id` is NAME-vVERSION.
        version: goes up with every change of what is measured.
        title: in words.
        task: `zero_shot` asks a text prototype per class, `retrieval` asks for items.
        protocol: whose it is, where it is written down, and what is not known of it.
        table: file in the prepared folder.
        columns: modality -> column.
        group: column of recordings, people or places.
        label: column of class labels.
        split: value of the column `split`; all rows if None.
        rows: rows of that split that bring something other than text, by the publisher's count; None if unknown.
        relevance: modality -> columns it can see; items that agree on all shared ones answer each other.
        classes: class label -> the texts that stand for it (the best of several counts); None where none are fixed.
        templates: prompts of the texts; None embeds texts as they are.
        headline: the number to quote.
        published: numbers of others.
        source: address of the data.
        paper: that describes the data.
        licence: of the data, as far as known.
        downloads: official files.
        prepare: the command that makes the table.
        defects: known ones of the data or the protocol, and what is done about each.
        table_hash: fingerprint of the evaluated rows, prepared from the official data; None where nobody has
            measured it yet. It may be filled in without a new version, never changed.
        hash_source: how the table was made that the hash is of.
    """

    name: str = Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")
    version: int = Field(ge=1)
    title: str
    task: Literal["retrieval", "zero_shot"]
    protocol: str
    table: str = TABLE
    columns: dict[str, str] = Field(min_length=2)
    group: str | None = None
    label: str | None = None
    split: str | None = "test"
    rows: int | None = None
    relevance: dict[str, tuple[str, ...]]
    classes: dict[str, tuple[str, ...]] | None = None
    templates: Templates | None = None
    headline: Headline
    published: tuple[Published, ...] = ()
    source: str
    paper: str
    licence: str
    downloads: tuple[Download, ...]
    prepare: str
    defects: tuple[str, ...] = ()
    table_hash: str | None = None
    hash_source: str | None = None

    @field_validator("classes", mode="before")
    @classmethod
    def _names_stand_for_themselves(cls, value: Any) -> Any:
        return {name: (name,) for name in value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _fits_together(self) -> "Benchmark":
        strangers = {*self.relevance, *filter(None, [self.headline.query, self.headline.gallery])} - {*self.columns}
        if strangers:
            raise ValueError(f"modalities without a column: {', '.join(sorted(strangers))}")
        if self.task == "zero_shot" and (TEXT not in self.columns or self.label is None):
            raise ValueError("zero_shot needs a text column and a label column")
        if (self.table_hash is None) != (self.hash_source is None):
            raise ValueError("table_hash and hash_source belong together")
        return self

    @property
    def id(self) -> str:
        """How results name the record."""
        return f"{self.name}-v{self.version}"

    @property
    def content_hash(self) -> str:
        """Changes with everything that the record says, but for the measured `table_hash`."""
        return hash_json(self.model_dump(mode="json", exclude={"table_hash", "hash_source"}))


def _openai_imagenet(noun: str) -> list[str]:
    # imported here: it loads torch, and listing records must not
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    return [template("{}").replace("photo", noun) for template in OPENAI_IMAGENET_TEMPLATES]
