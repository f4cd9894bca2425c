#!/usr/bin/env python3
"""Writes src/catalog/profiles.json from a table of AWS's published inference profiles.

    tools/catalog/generate.py TABLE.json > src/catalog/profiles.json

TABLE.json is a list of {profileId, geography, modelId, name, sources: {source: [destinations]}, evidence}, where a
destination "*" stands for every Region of the source's partition. The result holds facts only: Regions,
geographies, models, profiles and their rows. It is committed; run this again only when AWS publishes new profiles.
"""
import json
import sys

# The place that AWS names for a Region, its country (ISO 3166-1 alpha-2) and, where it is not "aws", its partition.
REGIONS = {
    "af-south-1": ("Cape Town", "ZA"),
    "ap-east-2": ("Taipei", "TW"),
    "ap-northeast-1": ("Tokyo", "JP"),
    "ap-northeast-2": ("Seoul", "KR"),
    "ap-northeast-3": ("Osaka", "JP"),
    "ap-south-1": ("Mumbai", "IN"),
    "ap-south-2": ("Hyderabad", "IN"),
    "ap-southeast-1": ("Singapore", "SG"),
    "ap-southeast-2": ("Sydney", "AU"),
    "ap-southeast-3": ("Jakarta", "ID"),
    "ap-southeast-4": ("Melbourne", "AU"),
    "ap-southeast-5": ("Kuala Lumpur", "MY"),
    "ap-southeast-6": ("Auckland", "NZ"),
    "ap-southeast-7": ("Bangkok", "TH"),
    "ca-central-1": ("Montreal", "CA"),
    "ca-west-1": ("Calgary", "CA"),
    "eu-central-1": ("Frankfurt", "DE"),
    "eu-central-2": ("Zurich", "CH"),
    "eu-north-1": ("Stockholm", "SE"),
    "eu-south-1": ("Milan", "IT"),
    "eu-south-2": ("Aragon", "ES"),
    "eu-west-1": ("Dublin", "IE"),
    "eu-west-2": ("London", "GB"),
    "eu-west-3": ("Paris", "FR"),
    "il-central-1": ("Tel Aviv", "IL"),
    "me-central-1": ("Dubai", "AE"),
    "me-south-1": ("Manama", "BH"),
    "mx-central-1": ("Queretaro", "MX"),
    "sa-east-1": ("Sao Paulo", "BR"),
    "us-east-1": ("N. Virginia", "US"),
    "us-east-2": ("Ohio", "US"),
    "us-gov-east-1": ("Ohio", "US", "aws-us-gov"),
    "us-gov-west-1": ("Oregon", "US", "aws-us-gov"),
    "us-west-1": ("N. California", "US"),
    "us-west-2": ("Oregon", "US"),
}

# Countries of the European Union among them: their Regions state that membership, and the geography "eu" asks it of its
# own.
EU_COUNTRIES = {"DE", "ES", "FR", "IE", "IT", "SE"}
MEMBERSHIP = {"eu": "eu"}  # by geography

# The fence, written down by hand and not derived from the rows, so that the two can be compared: inside these Regions
# (and the source itself) a profile of the geography keeps its requests. "*": every Region of the source's partition.
GEOGRAPHIES = {
    "apac": ["ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1",
             "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"],
    "au": ["ap-southeast-2", "ap-southeast-4"],
    "ca": ["ca-central-1", "ca-west-1"],
    "eu": ["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"],
    "global": ["*"],
    "jp": ["ap-northeast-1", "ap-northeast-3"],
    "us": ["us-east-1", "us-east-2", "us-west-1", "us-west-2"],
    "us-gov": ["us-gov-east-1", "us-gov-west-1"],
}

PROVIDERS = {
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "meta": "Meta",
    "mistral": "Mistral AI",
    "stability": "Stability AI",
    "twelvelabs": "TwelveLabs",
    "writer": "Writer",
}

# Longest prefix wins: (input, output, streams).
MODALITIES = {
    "amazon.nova": (["text", "image", "video"], ["text"], True),
    "amazon.nova-micro": (["text"], ["text"], True),
    "anthropic.": (["text", "image"], ["text"], True),
    "anthropic.claude-3-5-haiku": (["text"], ["text"], True),
    "cohere.embed": (["text", "image"], ["embedding"], False),
    "deepseek.": (["text"], ["text"], True),
    "meta.": (["text"], ["text"], True),
    "meta.llama3-2-11b": (["text", "image"], ["text"], True),
    "meta.llama3-2-90b": (["text", "image"], ["text"], True),
    "meta.llama4": (["text", "image"], ["text"], True),
    "mistral.pixtral": (["text", "image"], ["text"], True),
    "stability.": (["text", "image"], ["image"], False),
    "twelvelabs.marengo": (["text", "image", "speech", "video"], ["embedding"], False),
    "twelvelabs.pegasus": (["text", "video"], ["text"], True),
    "writer.": (["text"], ["text"], True),
}

PROVENANCE = {
    "what": "Amazon Bedrock's system-defined inference profiles: names, source Regions, destination Regions.",
    "source": "AWS's public documentation and public ListInferenceProfiles answers, as of 2026-11-22; not checked "
    "against the live service.",
    "licence": "Facts only, no text of the sources; the file is under this repository's licence.",
    "generator": "tools/catalog/generate.py",
}


def model_name(profile, provider):
    """"EU Amazon Nova 2 Lite" -> "Nova 2 Lite": the profile's name without geography and provider."""
    name = profile["name"].split(" ", 1)[1]
    return name.removeprefix(provider.split(" ")[0] + " ") or name


def model(profile):
    model_id = profile["modelId"]
    provider = PROVIDERS[model_id.split(".")[0]]
    prefix = max((p for p in MODALITIES if model_id.startswith(p)), key=len)
    inputs, outputs, streams = MODALITIES[prefix]
    return {
        "id": model_id,
        "name": model_name(profile, provider),
        "provider": provider,
        "input": inputs,
        "output": outputs,
        "streams": streams,
    }


def geography(name):
    asked = {"membership": MEMBERSHIP[name]} if name in MEMBERSHIP else {}
    return {"id": name, "version": 1} | asked | {"regions": GEOGRAPHIES[name]}


def convert(table):
    regions = [
        dict(zip(("id", "city", "country", "partition"), (region, *facts, "aws")))
        | ({"membership": "eu"} if facts[1] in EU_COUNTRIES else {})
        for region, facts in sorted(REGIONS.items())
    ]
    models = {}
    profiles = []
    for entry in sorted(table, key=lambda e: e["profileId"]):
        models.setdefault(entry["modelId"], model(entry))
        profiles.append({
            "id": entry["profileId"],
            "name": entry["name"],
            "scope": "global" if entry["geography"] == "global" else "geographic",
            "geography": entry["geography"],
            "model": entry["modelId"],
            "version": 1,
            "rows": {source: sorted(set(row)) for source, row in sorted(entry["sources"].items())},
        })
    inferred = [e["profileId"] for e in table if e.get("evidence") != "verified"]
    return {
        "format": 1,
        "provenance": PROVENANCE | {"partly_inferred": sorted(inferred)},
        "regions": regions,
        "geographies": [geography(name) for name in sorted(GEOGRAPHIES)],
        "models": [models[model_id] for model_id in sorted(models)],
        "profiles": profiles,
    }


def write(catalog, out):
    """One Region, model or row a line: a new row is a diff of one line."""
    line = lambda value: json.dumps(value, ensure_ascii=True)
    out.write('{\n "format": %d,\n "provenance": {\n' % catalog["format"])
    out.write(",\n".join(f"  {line(k)}: {line(v)}" for k, v in catalog["provenance"].items()))
    for member in ("regions", "geographies", "models"):
        out.write(f'\n {"}" if member == "regions" else "]"},\n {line(member)}: [\n')
        out.write(",\n".join("  " + line(item) for item in catalog[member]))
    out.write('\n ],\n "profiles": [\n')
    blocks = []
    for profile in catalog["profiles"]:
        head = ", ".join(f"{line(k)}: {line(v)}" for k, v in profile.items() if k != "rows")
        rows = ",\n".join(f"   {line(source)}: {line(row)}" for source, row in profile["rows"].items())
        blocks.append("  {%s,\n   \"rows\": {\n%s}}" % (head, rows))
    out.write(",\n".join(blocks))
    out.write("\n ]\n}\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        write(convert(json.load(file)), sys.stdout)


if __name__ == "__main__":
    main()
