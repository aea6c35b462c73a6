// The far end of the pipe, as `tflite_worker.py` describes its frames: requests on standard input, answers on standard output.

/** Keep standard output for frames: whatever a library prints goes to standard error. Returns the writer of frames. */
export function keepStandardOutput() {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return write;
}

/** Answer requests with `actions[request.do](request, payload)`, one after another, until standard input ends. */
export async function serve(actions, write) {
  let received = Buffer.alloc(0);
  for await (const part of process.stdin) {
    received = received.length ? Buffer.concat([received, part]) : part;
    for (let frame = nextFrame(received); frame; frame = nextFrame(received)) {
      received = received.subarray(frame.size);
      await answer(actions, frame, write);
    }
  }
}

function nextFrame(bytes) {
  if (bytes.length < 4) return null;
  const headerEnd = 4 + bytes.readUInt32BE(0);
  if (bytes.length < headerEnd + 8) return null;
  const size = headerEnd + 8 + Number(bytes.readBigUInt64BE(headerEnd));
  if (bytes.length < size) return null;
  const request = JSON.parse(bytes.toString("utf8", 4, headerEnd));
  return { request, payload: bytes.subarray(headerEnd + 8, size), size };
}

async function answer(actions, { request, payload }, write) {
  try {
    const [header, content] = await actions[request.do](request, payload);
    send(write, { ok: true, ...header }, content ?? Buffer.alloc(0));
  } catch (error) {
    send(write, { error: String(error?.message ?? error).split(/\s+/).join(" ") });
  }
}

function send(write, header, content = Buffer.alloc(0)) {
  const text = Buffer.from(JSON.stringify(header));
  const lengths = [Buffer.alloc(4), Buffer.alloc(8)];
  lengths[0].writeUInt32BE(text.length);
  lengths[1].writeBigUInt64BE(BigInt(content.length));
  write(Buffer.concat([lengths[0], text, lengths[1], content]));
}
