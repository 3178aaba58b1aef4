const HEADER_BYTES = 12
const TYPE_A = 1
const TTL_SECONDS = 60

/** Returns the response to a DNS query: every known host has the IPv4 address `address`; unknown hosts do not exist. */
export function dnsAnswer(query: Buffer, hosts: ReadonlySet<string>, address: string): Buffer {
  const { name, end } = nameIn(query)
  const isKnown = hosts.has(name.toLowerCase())
  const type = query.readUInt16BE(end)
  const question = query.subarray(HEADER_BYTES, end + 4)
  const isAnswered = isKnown && type === TYPE_A
  const header = Buffer.alloc(HEADER_BYTES)
  query.copy(header, 0, 0, 2)
  // Flags: response, recursion desired, recursion available; NXDOMAIN for unknown names.
  header.writeUInt16BE(0x8180 | (isKnown ? 0 : 3), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(isAnswered ? 1 : 0, 6)
  if (!isAnswered) return Buffer.concat([header, question])
  const record = Buffer.alloc(12)
  // A pointer to the name in the question.
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0)
  record.writeUInt16BE(TYPE_A, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(TTL_SECONDS, 6)
  record.writeUInt16BE(4, 10)
  return Buffer.concat([header, question, record, Buffer.from(address.split('.').map(Number))])
}

/** Returns the name in a query and the offset of the query type after it. */
function nameIn(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}
