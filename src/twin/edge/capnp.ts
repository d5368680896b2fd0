/**
 * As much of Cap'n Proto's encoding (capnproto.org/encoding.html) as messages of one segment need: what cloudflared and the stand-in
 * edge say to each other while a connection is registered fits into a kilobyte.
 */

/** A struct to be written: its plain fields, in whole words of 8 bytes, and what its pointers lead to. */
export interface Struct {
  readonly data: Buffer;
  readonly pointers: readonly Value[];
}

export type Value =
  | { readonly struct: Struct }
  | { readonly bytes: Buffer }
  /** An entry of the message's table of capabilities. */
  | { readonly capability: number }
  /** Structs of one size. */
  | { readonly list: readonly Struct[] };

const WORD = 8;
const words = (bytes: number): number => Math.ceil(bytes / WORD);

/** Plain fields of `bytes` bytes, as `fill` sets them. */
export function fields(bytes: number, fill: (data: Buffer) => void = () => {}): Buffer {
  const data = Buffer.alloc(words(bytes) * WORD);
  fill(data);
  return data;
}

/** A text is bytes that end with a zero. */
export const text = (value: string): Value => ({ bytes: Buffer.from(`${value}\0`) });

class Writer {
  #segment = Buffer.alloc(0);

  /** The first byte of so many words, all zero. */
  #take(count: number): number {
    const at = this.#segment.length;
    this.#segment = Buffer.concat([this.#segment, Buffer.alloc(count * WORD)]);
    return at;
  }

  /** Writes a pointer at `from` that leads to `to`, `kind` in its lowest bits. */
  #point(from: number, to: number, kind: number, size: number): void {
    this.#segment.writeInt32LE((((to - from) / WORD - 1) << 2) | kind, from);
    this.#segment.writeUInt32LE(size, from + 4);
  }

  #fill(at: number, { data, pointers }: Struct): void {
    data.copy(this.#segment, at);
    for (const [index, value] of pointers.entries()) this.#write(at + data.length + index * WORD, value);
  }

  #write(from: number, value: Value): void {
    const sizeOf = ({ data, pointers }: Struct): number => words(data.length) + pointers.length;
    const shapeOf = ({ data, pointers }: Struct): number => words(data.length) | (pointers.length << 16);
    if ("struct" in value) {
      const at = this.#take(sizeOf(value.struct));
      this.#point(from, at, 0, shapeOf(value.struct));
      this.#fill(at, value.struct);
    } else if ("bytes" in value) {
      const at = this.#take(words(value.bytes.length));
      this.#point(from, at, 1, 2 | (value.bytes.length << 3));
      value.bytes.copy(this.#segment, at);
    } else if ("capability" in value) {
      this.#segment.writeUInt32LE(3, from);
      this.#segment.writeUInt32LE(value.capability, from + 4);
    } else {
      const [first] = value.list;
      const size = first ? sizeOf(first) : 0;
      const at = this.#take(1 + size * value.list.length);
      this.#point(from, at, 1, 7 | ((size * value.list.length) << 3));
      this.#segment.writeUInt32LE(value.list.length << 2, at);
      this.#segment.writeUInt32LE(first ? shapeOf(first) : 0, at + 4);
      for (const [index, struct] of value.list.entries()) this.#fill(at + (1 + index * size) * WORD, struct);
    }
  }

  message(root: Struct): Buffer {
    this.#write(this.#take(1), { struct: root });
    const head = Buffer.alloc(WORD);
    head.writeUInt32LE(words(this.#segment.length), 4);
    return Buffer.concat([head, this.#segment]);
  }
}

/** A message as it goes over a stream. */
export const encode = (root: Struct): Buffer => new Writer().message(root);

/** A struct that was read; what a message does not have is zero or empty, as Cap'n Proto has it. */
export class Reader {
  readonly #segment: Buffer;
  readonly #data: Buffer;
  readonly #pointers: number;
  readonly #count: number;

  private constructor(segment: Buffer, at: number, dataWords: number, count: number) {
    this.#segment = segment;
    this.#data = segment.subarray(at, at + dataWords * WORD);
    this.#pointers = at + dataWords * WORD;
    this.#count = count;
  }

  /** The root of a segment. */
  static root(segment: Buffer): Reader {
    return new Reader(segment, 0, 0, 1).struct(0);
  }

  u8(at: number): number {
    return this.#data.length > at ? this.#data.readUInt8(at) : 0;
  }

  u16(at: number): number {
    return this.#data.length >= at + 2 ? this.#data.readUInt16LE(at) : 0;
  }

  u32(at: number): number {
    return this.#data.length >= at + 4 ? this.#data.readUInt32LE(at) : 0;
  }

  #pointer(index: number, kind: number): { to: number; size: number } | undefined {
    if (index >= this.#count) return undefined;
    const from = this.#pointers + index * WORD;
    const low = this.#segment.readInt32LE(from);
    const size = this.#segment.readUInt32LE(from + 4);
    if (low === 0 && size === 0) return undefined;
    if ((low & 3) !== kind) throw new Error(`pointer ${index} is of kind ${low & 3}, not ${kind}`);
    return { to: from + ((low >> 2) + 1) * WORD, size };
  }

  struct(index: number): Reader {
    const found = this.#pointer(index, 0);
    return found
      ? new Reader(this.#segment, found.to, found.size & 0xffff, found.size >>> 16)
      : new Reader(Buffer.alloc(0), 0, 0, 0);
  }

  bytes(index: number): Buffer {
    const found = this.#pointer(index, 1);
    return found ? this.#segment.subarray(found.to, found.to + (found.size >>> 3)) : Buffer.alloc(0);
  }

  text(index: number): string {
    return this.bytes(index).toString().replace(/\0$/, "");
  }
}

/** Cuts a stream into messages. `take` gets each part as it comes, and gives the roots of those that are whole by then. */
export class Messages {
  #rest: Buffer = Buffer.alloc(0);

  take(part: Buffer): Reader[] {
    this.#rest = Buffer.concat([this.#rest, part]);
    const roots: Reader[] = [];
    while (this.#rest.length >= WORD) {
      if (this.#rest.readUInt32LE(0) !== 0) throw new Error("a message of several segments");
      const end = WORD + this.#rest.readUInt32LE(4) * WORD;
      if (this.#rest.length < end) break;
      roots.push(Reader.root(this.#rest.subarray(WORD, end)));
      this.#rest = this.#rest.subarray(end);
    }
    return roots;
  }
}
