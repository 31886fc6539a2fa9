"""Read a multipart answer: JSON, forms and text as such, files into a folder, nested too.

python examples/read_answer.py URL FOLDER

``examples/answers.py`` gives such an answer at /mixed.
"""

import sys
from pathlib import Path

import treq
from twisted.internet.task import react

from txmultipart import FileSink, MultipartReader


async def read(reader, folder, indent=""):
    async for part in reader:
        if part.is_multipart:
            print(f"{indent}{part.content_type}:")
            await read(part.parts(), folder, indent + "  ")
        elif part.content_type == "application/json":
            print(f"{indent}JSON: {await part.json()}")
        elif part.content_type == "application/x-www-form-urlencoded":
            print(f"{indent}form: {await part.form()}")
        elif part.safe_filename:
            file = FileSink(folder / part.safe_filename, collision="rename")
            size = await part.write_to(file, decode=True)
            print(f"{indent}file: {size} bytes in {file.path.name}")
        else:
            print(f"{indent}text: {await part.text()}")


async def main(reactor, url, folder):
    response = await treq.get(url, unbuffered=True)
    await read(MultipartReader.from_response(response), Path(folder))


react(main, sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__))
