import { z } from 'zod'

const FACTORS: Record<string, number> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 0.001,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  P: 1e15,
  Pi: 1024 ** 5,
  E: 1e18,
  Ei: 1024 ** 6,
}
const QUANTITY = /^(\d+(?:\.\d+)?)([numkMGTPE]|[KMGTPE]i)?$/

/** A Kubernetes quantity such as `500m` or `20Gi`. */
export const Quantity = z.string().regex(QUANTITY, 'must be a size such as 20Gi')

/** The number of bytes or cores that a quantity stands for. */
export function amountOf(quantity: string): number {
  const [, number = '', unit = ''] = QUANTITY.exec(quantity) ?? []
  if (number === '') throw new Error(`Cannot read the quantity ${quantity}`)
  return Number(number) * (FACTORS[unit] ?? 1)
}
