/** Offset of each group of probabilities; the names are those of the LZMA specification. */
const IS_MATCH = 0
const IS_REP = IS_MATCH + 12 * 16
const IS_REP_G0 = IS_REP + 12
const IS_REP_G1 = IS_REP_G0 + 12
const IS_REP_G2 = IS_REP_G1 + 12
const IS_REP0_LONG = IS_REP_G2 + 12
const POSITION_SLOT = IS_REP0_LONG + 12 * 16
const POSITION_SPECIAL = POSITION_SLOT + 4 * 64
const ALIGN = POSITION_SPECIAL + 128
const MATCH_LENGTH = ALIGN + 16
const LENGTH_LOW = 2
const LENGTH_MIDDLE = LENGTH_LOW + 16 * 8
const LENGTH_HIGH = LENGTH_MIDDLE + 16 * 8
const REP_LENGTH = MATCH_LENGTH + LENGTH_HIGH + 256
const LITERAL = REP_LENGTH + LENGTH_HIGH + 256
const LITERAL_CODER_SIZE = 0x300

const EVEN_CHANCE = 1024
const MIN_MATCH = 2
/** maximum number of input bytes that decoding one symbol consumes */
const MAX_SYMBOL_INPUT = 20
/** xz -9 uses a dictionary of this size; rpm limits a decoder's memory to 100 MiB */
const MAX_DICTIONARY_SIZE = 64 * 1024 * 1024
const MIN_DICTIONARY_SIZE = 4096
const FIRST_ALLOCATION = 64 * 1024

/**
 * LZMA decoder with a dictionary of limited size: feed() takes compressed bytes, decode() returns decompressed bytes. Throws Error for data
 * that no encoder writes.
 */
export class LzmaDecoder {
  /** Grows up to #dictionarySize as data arrives, because xz declares 8 MiB even for a file of a few bytes. */
  #dictionary: Buffer
  readonly #dictionarySize: number
  /** index in the dictionary at which the next byte is stored */
  #position = 0
  /** maximum distance that a match may reach back, in bytes */
  #filled = 0
  #total = 0
  #probabilities = new Uint16Array(0)
  #literalContextBits = 0
  #literalPositionMask = 0
  #positionMask = 0
  #state = 0
  #rep0 = 0
  #rep1 = 0
  #rep2 = 0
  #rep3 = 0
  /** bytes of the current match that are still to be copied; -1 if the last symbol was a literal, which has already been stored */
  #matchLeft = 0
  #range = 0
  #code = 0
  #input: Buffer = Buffer.alloc(0)
  #inputPosition = 0
  #isEnded = false

  constructor(dictionarySize: number) {
    if (dictionarySize > MAX_DICTIONARY_SIZE)
      throw new Error(
        `it needs a dictionary of ${dictionarySize} bytes, the limit is ${MAX_DICTIONARY_SIZE}`,
      )
    this.#dictionarySize = Math.max(dictionarySize, MIN_DICTIONARY_SIZE)
    this.#dictionary = Buffer.alloc(Math.min(this.#dictionarySize, FIRST_ALLOCATION))
  }

  /** whether the end marker has been read */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** whether all input has been used and the range coder is in its final state */
  get isInputDone(): boolean {
    return this.#code === 0 && this.#inputPosition === this.#input.length
  }

  /** Sets lc, lp and pb from LZMA's properties byte, and resets all probabilities. */
  setProperties(byte: number): void {
    if (byte >= 9 * 5 * 5) throw new Error('its properties are invalid')
    const positionBits = Math.floor(byte / 45)
    const literalPositionBits = Math.floor((byte % 45) / 9)
    this.#literalContextBits = byte % 9
    this.#literalPositionMask = (1 << literalPositionBits) - 1
    this.#positionMask = (1 << positionBits) - 1
    const literalCoders = 1 << (this.#literalContextBits + literalPositionBits)
    this.#probabilities = new Uint16Array(LITERAL + literalCoders * LITERAL_CODER_SIZE)
    this.resetState()
  }

  resetState(): void {
    this.#probabilities.fill(EVEN_CHANCE)
    this.#state = 0
    this.#rep0 = this.#rep1 = this.#rep2 = this.#rep3 = 0
  }

  resetDictionary(): void {
    this.#filled = 0
    this.#total = 0
  }

  /** Initializes the range coder with its first 5 bytes. */
  startRange(bytes: Buffer): void {
    if (bytes[0] !== 0) throw new Error('its range coder does not start with 0')
    this.#range = 0xffffffff
    this.#code = bytes.readUInt32BE(1)
  }

  /** Appends compressed bytes to the input that has not been used yet. */
  feed(bytes: Buffer): void {
    const left = this.#input.subarray(this.#inputPosition)
    this.#input = left.length === 0 ? bytes : Buffer.concat([left, bytes])
    this.#inputPosition = 0
  }

  /** Adds uncompressed bytes to the dictionary: LZMA2 stores data that does not compress well uncompressed. */
  store(bytes: Buffer): void {
    for (let i = 0; i < bytes.length; i++) this.#put(bytes[i]!)
  }

  /** Returns up to `limit` decompressed bytes. Without `isComplete`, stops when the remaining input may be too short for a whole symbol. */
  decode(limit: number, isComplete: boolean): Buffer {
    const output = Buffer.allocUnsafe(Math.min(limit, this.#dictionarySize))
    const start = this.#position
    const reserve = isComplete ? 0 : MAX_SYMBOL_INPUT
    let produced = 0
    while (produced < output.length && !this.#isEnded) {
      if (this.#matchLeft === 0) {
        if (this.#input.length - this.#inputPosition < reserve) break
        this.#decodeSymbol()
      }
      produced = this.#copyMatch(produced, output.length)
    }
    const tail = Math.min(produced, this.#dictionarySize - start)
    this.#dictionary.copy(output, 0, start, start + tail)
    this.#dictionary.copy(output, tail, 0, produced - tail)
    return output.subarray(0, produced)
  }

  #copyMatch(produced: number, limit: number): number {
    if (this.#matchLeft < 0) {
      this.#matchLeft = 0
      return produced + 1
    }
    const count = Math.min(this.#matchLeft, limit - produced)
    let from = this.#position - this.#rep0 - 1
    if (from < 0) from += this.#dictionarySize
    for (let i = 0; i < count; i++) {
      this.#put(this.#dictionary[from]!)
      if (++from === this.#dictionarySize) from = 0
    }
    this.#matchLeft -= count
    return produced + count
  }

  #put(byte: number): void {
    if (this.#position === this.#dictionary.length) this.#grow()
    this.#dictionary[this.#position] = byte
    if (++this.#position === this.#dictionarySize) this.#position = 0
    if (this.#filled < this.#dictionarySize) this.#filled++
    this.#total = (this.#total + 1) >>> 0
  }

  /** Doubles the size of the dictionary, which has not wrapped around yet. */
  #grow(): void {
    const grown = Buffer.alloc(Math.min(this.#dictionary.length * 2, this.#dictionarySize))
    this.#dictionary.copy(grown)
    this.#dictionary = grown
  }

  #decodeSymbol(): void {
    const positionState = this.#total & this.#positionMask
    const state = this.#state
    if (this.#bit(IS_MATCH + state * 16 + positionState) === 0) {
      this.#decodeLiteral()
      this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6
      this.#matchLeft = -1
      return
    }
    if (this.#bit(IS_REP + state) === 0) this.#decodeMatch(positionState)
    else this.#decodeRepeat(positionState)
    if (this.#matchLeft > 0 && this.#rep0 >= this.#filled)
      throw new Error('it refers to data before its start')
  }

  #decodeLiteral(): void {
    const previous = this.#filled === 0 ? 0 : this.#byteBack(0)
    const context =
      ((this.#total & this.#literalPositionMask) << this.#literalContextBits) +
      (previous >> (8 - this.#literalContextBits))
    const base = LITERAL + context * LITERAL_CODER_SIZE
    let symbol = 1
    if (this.#state >= 7) {
      if (this.#rep0 >= this.#filled) throw new Error('it refers to data before its start')
      let expected = this.#byteBack(this.#rep0)
      while (symbol < 0x100) {
        const expectedBit = (expected >> 7) & 1
        expected <<= 1
        const bit = this.#bit(base + ((1 + expectedBit) << 8) + symbol)
        symbol = (symbol << 1) | bit
        if (bit !== expectedBit) break
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(base + symbol)
    this.#put(symbol & 0xff)
  }

  #byteBack(distance: number): number {
    const at = this.#position - distance - 1
    return this.#dictionary[at < 0 ? at + this.#dictionarySize : at]!
  }

  #decodeMatch(positionState: number): void {
    this.#rep3 = this.#rep2
    this.#rep2 = this.#rep1
    this.#rep1 = this.#rep0
    const length = this.#decodeLength(MATCH_LENGTH, positionState)
    this.#state = this.#state < 7 ? 7 : 10
    this.#rep0 = this.#decodeDistance(length)
    if (this.#rep0 === 0xffffffff) this.#isEnded = true
    else this.#matchLeft = length + MIN_MATCH
  }

  #decodeRepeat(positionState: number): void {
    const state = this.#state
    if (this.#bit(IS_REP_G0 + state) === 0) {
      if (this.#bit(IS_REP0_LONG + state * 16 + positionState) === 0) {
        this.#state = state < 7 ? 9 : 11
        this.#matchLeft = 1
        return
      }
    } else this.#rotateDistances(state)
    this.#matchLeft = this.#decodeLength(REP_LENGTH, positionState) + MIN_MATCH
    this.#state = state < 7 ? 8 : 11
  }

  #rotateDistances(state: number): void {
    let distance = this.#rep1
    if (this.#bit(IS_REP_G1 + state) === 1) {
      distance = this.#rep2
      if (this.#bit(IS_REP_G2 + state) === 1) {
        distance = this.#rep3
        this.#rep3 = this.#rep2
      }
      this.#rep2 = this.#rep1
    }
    this.#rep1 = this.#rep0
    this.#rep0 = distance
  }

  #decodeLength(base: number, positionState: number): number {
    if (this.#bit(base) === 0) return this.#tree(base + LENGTH_LOW + positionState * 8, 3)
    if (this.#bit(base + 1) === 0)
      return 8 + this.#tree(base + LENGTH_MIDDLE + positionState * 8, 3)
    return 16 + this.#tree(base + LENGTH_HIGH, 8)
  }

  #decodeDistance(length: number): number {
    const slot = this.#tree(POSITION_SLOT + Math.min(length, 3) * 64, 6)
    if (slot < 4) return slot
    const directBits = (slot >> 1) - 1
    const start = ((2 | (slot & 1)) << directBits) >>> 0
    if (slot < 14) return start + this.#reverseTree(POSITION_SPECIAL + start - slot, directBits)
    const high = this.#directBits(directBits - 4) * 16
    return start + high + this.#reverseTree(ALIGN, 4)
  }

  #tree(base: number, bits: number): number {
    let symbol = 1
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(base + symbol)
    return symbol - (1 << bits)
  }

  #reverseTree(base: number, bits: number): number {
    let symbol = 1
    let value = 0
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(base + symbol)
      symbol = (symbol << 1) | bit
      value |= bit << i
    }
    return value
  }

  #directBits(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1
      const bit = this.#code >= this.#range ? 1 : 0
      if (bit === 1) this.#code = (this.#code - this.#range) >>> 0
      if (this.#range < 0x1000000) this.#refill()
      value = value * 2 + bit
    }
    return value
  }

  #bit(index: number): number {
    const probability = this.#probabilities[index]!
    const bound = (this.#range >>> 11) * probability
    let bit = 0
    if (this.#code < bound) {
      this.#range = bound
      this.#probabilities[index] = probability + ((2048 - probability) >> 5)
    } else {
      bit = 1
      this.#range = (this.#range - bound) >>> 0
      this.#code = (this.#code - bound) >>> 0
      this.#probabilities[index] = probability - (probability >> 5)
    }
    if (this.#range < 0x1000000) this.#refill()
    return bit
  }

  #refill(): void {
    if (this.#inputPosition >= this.#input.length)
      throw new Error('its compressed data is truncated')
    this.#range = (this.#range << 8) >>> 0
    this.#code = ((this.#code << 8) | this.#input[this.#inputPosition++]!) >>> 0
  }
}
