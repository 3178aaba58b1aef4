/** As much of DER as a certificate has. */
const tagged = (tag: number, ...parts: Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = Buffer.from(length.toString(16).padStart(length < 0x100 ? 2 : 4, '0'), 'hex')
  return Buffer.concat([Buffer.from([0x80 + bytes.length]), bytes])
}

export const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, ...parts)
export const set = (...parts: Buffer[]): Buffer => tagged(0x31, ...parts)
export const octets = (content: Buffer): Buffer => tagged(0x04, content)
export const bits = (content: Buffer): Buffer => tagged(0x03, Buffer.from([0]), content)
export const utf8 = (text: string): Buffer => tagged(0x0c, Buffer.from(text))
export const yes = Buffer.from([0x01, 0x01, 0xff])
/** An element that is told by its number only. */
export const context = (number: number, ...parts: Buffer[]): Buffer =>
  tagged(0xa0 + number, ...parts)
/** A name of a host among alternative names. */
export const dnsName = (name: string): Buffer => tagged(0x82, Buffer.from(name))

/** A positive number, as bytes. */
export function integer(bytes: Buffer): Buffer {
  const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0
  return tagged(0x02, isNegative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const each of rest) {
    const groups = [each & 0x7f]
    for (let left = each >> 7; left > 0; left >>= 7) groups.unshift(0x80 | (left & 0x7f))
    bytes.push(...groups)
  }
  return tagged(0x06, Buffer.from(bytes))
}

/** Two digits of the year, as certificates have it until 2049. */
export function utcTime(time: Date): Buffer {
  const digits = time.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return tagged(0x17, Buffer.from(digits.slice(2)))
}
