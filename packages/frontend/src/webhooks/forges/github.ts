import { z } from 'zod'
import { type ForgeParser, short } from './forge-event.ts'
import { parseGithubLike } from './github-like.ts'

const Sender = z.looseObject({ sender: z.looseObject({ url: short }) })

export const github: ForgeParser = {
  eventOf: (header) => header('x-github-event'),
  deliveryKey: (header) => header('x-github-delivery'),
  parse: (body, event) => parseGithubLike(body, event, (from) => Sender.parse(from).sender.url),
}
