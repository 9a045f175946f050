"""Backups in a bucket: Amazon S3, or any server that speaks its protocol.

Credentials and region come from where the AWS tools find them: the environment, ``~/.aws`` or the machine's
role. A file is sent in parts while it comes, so that none is in memory or on the disk as a whole. What a
broken run has sent is given up, or the server would keep (and charge for) parts that nobody sees.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from garrison.cluster.backup.core.record import RECORD_NAME
from garrison.cluster.backup.target import READ_BYTES, Target
from garrison.cluster.errors import ManagerError, UsageProblem

T = TypeVar("T")

SCHEME = "s3://"
PART_BYTES = 16 << 20
PARTS_OF_ONE_SIZE = 1_000
"""A file has 10,000 parts at most, so parts grow: after each so many by the first size."""
REGION_OF_OTHERS = "us-east-1"
ATTEMPTS_MAX = 5


def part_bytes(number: int) -> int:
    """The size of a part; 10,000 of them hold 880 GB."""
    return PART_BYTES * (1 + (number - 1) // PARTS_OF_ONE_SIZE)


class BucketTarget(Target):
    """Objects below a prefix of a bucket."""

    def __init__(self, url: str, endpoint: str | None = None, region: str | None = None) -> None:
        parts = urlsplit(url)
        if not parts.netloc or parts.query or parts.fragment:
            raise UsageProblem(f"{url!r} is not a place in a bucket; write s3://bucket/prefix")
        self.bucket = parts.netloc
        self.prefix = parts.path.strip("/")
        self.name = url.rstrip("/")
        self._client = _client(endpoint, region)

    async def folders(self) -> dict[str, bool]:
        root = f"{self.prefix}/" if self.prefix else ""
        found: dict[str, bool] = {}
        for key in await self._call(lambda: self._keys(root)):
            folder, slash, file = key.removeprefix(root).partition("/")
            if slash:
                found[folder] = found.get(folder, False) or file == RECORD_NAME
        return found

    async def read_small(self, backup: str, file: str) -> bytes:
        return b"".join([piece async for piece in self.read(backup, file)])

    async def read(self, backup: str, file: str) -> AsyncIterator[bytes]:
        key = self._key(backup, file)
        answer = await self._call(lambda: self._client.get_object(Bucket=self.bucket, Key=key))
        body = answer["Body"]
        try:
            while piece := await self._call(lambda: body.read(READ_BYTES)):
                yield piece
        finally:
            body.close()

    @contextlib.asynccontextmanager
    async def writing(self, backup: str, file: str) -> AsyncIterator["_Upload"]:
        place = {"Bucket": self.bucket, "Key": self._key(backup, file)}
        answer = await self._call(lambda: self._client.create_multipart_upload(**place))
        upload = _Upload(self, place | {"UploadId": answer["UploadId"]})
        try:
            yield upload
            await upload.finish()
        except BaseException:
            await asyncio.shield(upload.give_up())
            raise

    async def write_record(self, backup: str, data: bytes) -> None:
        key = self._key(backup, RECORD_NAME)
        await self._call(lambda: self._client.put_object(Bucket=self.bucket, Key=key, Body=data))

    async def remove(self, backup: str) -> None:
        folder = self._key(backup, "")
        record = self._key(backup, RECORD_NAME)
        await self._call(lambda: self._client.delete_object(Bucket=self.bucket, Key=record))
        for key in await self._call(lambda: self._keys(folder)):
            await self._call(partial(self._client.delete_object, Bucket=self.bucket, Key=key))
        await self._call(lambda: self._give_up_uploads(folder))

    def _key(self, backup: str, file: str) -> str:
        return "/".join(part for part in (self.prefix, backup) if part) + f"/{file}"

    def _keys(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def _give_up_uploads(self, prefix: str) -> None:
        """End the uploads that a run which was killed has left open."""
        answer = self._client.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix)
        for each in answer.get("Uploads", []):
            self._client.abort_multipart_upload(
                Bucket=self.bucket, Key=each["Key"], UploadId=each["UploadId"]
            )

    async def _call(self, function: Callable[[], T]) -> T:
        """Call the library on another thread. Raises ManagerError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return await asyncio.to_thread(function)
        except (BotoCoreError, ClientError) as error:
            raise ManagerError(f"{self.name}: {error}{_advice(error)}") from error


class _Upload:
    """A file on its way, part by part."""

    def __init__(self, target: BucketTarget, place: dict[str, str]) -> None:
        self._target = target
        self._place = place
        self._held = bytearray()
        self._parts: list[dict[str, object]] = []

    async def write(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= part_bytes(len(self._parts) + 1):
            await self._send()

    async def _send(self) -> None:
        number, body = len(self._parts) + 1, bytes(self._held)
        self._held.clear()
        answer = await self._target._call(
            lambda: self._target._client.upload_part(**self._place, PartNumber=number, Body=body)
        )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    async def finish(self) -> None:
        if self._held or not self._parts:
            await self._send()
        whole = {"Parts": self._parts}
        await self._target._call(
            lambda: self._target._client.complete_multipart_upload(**self._place, MultipartUpload=whole)
        )

    async def give_up(self) -> None:
        # What made us give up is told; that this fails too is not.
        with contextlib.suppress(ManagerError):
            await self._target._call(lambda: self._target._client.abort_multipart_upload(**self._place))


def _client(endpoint: str | None, region: str | None) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise UsageProblem(
            "backups in a bucket need a library that is not installed: pip install 'garrison[s3]'"
        ) from None
    # Checksums of their own kind are refused by servers that only speak the older protocol.
    config = Config(
        retries={"max_attempts": ATTEMPTS_MAX, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session()
    region = region or session.region_name or (REGION_OF_OTHERS if endpoint else None)
    try:
        return session.client("s3", endpoint_url=endpoint, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise UsageProblem(f"cannot reach the bucket: {error}") from error


def _advice(error: Exception) -> str:
    """What to do about an error of the library."""
    if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"
    if "NoSuchBucket" in str(error):
        return "; make the bucket first"
    if "EndpointConnectionError" in type(error).__name__:
        return "; check --endpoint"
    return ""
