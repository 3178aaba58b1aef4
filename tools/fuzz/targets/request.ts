import { type Form, readForm } from '../../../packages/frontend/src/http/read-form.ts'

type Context = Parameters<typeof readForm>[0]

/** Returns the form data that the frontend reads from a request; throws the error with which the frontend rejects it. */
export async function sendForm(type: string, body: Buffer): Promise<Form> {
  const headers = type === '' ? {} : { 'content-type': type }
  const raw = new Request('http://localhost/', {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
  })
  const req = { raw, header: (name: string) => raw.headers.get(name) ?? undefined }
  return await readForm({ req } as unknown as Context)
}

/** Throws if a string contains text that the database rejects: NUL, or invalid Unicode. */
export function requireClean(value: unknown, depth = 0): void {
  if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed()))
    throw new Error(`It lets ${JSON.stringify(value.slice(0, 100))} through`)
  if (typeof value !== 'object' || value === null || depth > 5000) return
  for (const [key, each] of Object.entries(value)) {
    requireClean(key)
    requireClean(each, depth + 1)
  }
}
