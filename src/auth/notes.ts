import type { OperationNotes } from '../http/notes.ts'
import type { Session } from './schema.ts'

// The texts and examples of the OpenAPI document for signup and login.

const session: Session = {
  access_token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
  token_type: 'Bearer',
  expires_in: 86_400,
  user: {
    id: '0a2f6c1e-8f0b-4c57-9e55-2f5b4f3f7d10',
    email: 'ada@example.com',
    created_at: '2026-02-01T09:30:00.123000Z',
  },
}

const bodies = { 'An account': { email: 'ada@example.com', password: 'correct horse battery' } }

export const signUp: OperationNotes = {
  operationId: 'signUp',
  tags: ['accounts'],
  summary: 'Make an account',
  description: 'The password has 8 to 128 characters, and is neither the email nor a common one.',
  security: [],
  'x-notes': {
    bodies,
    replies: { 201: { description: 'The new user, signed in', example: session } },
    errors: ['email_taken', 'rate_limited', 'unavailable'],
  },
}

export const logIn: OperationNotes = {
  operationId: 'logIn',
  tags: ['accounts'],
  summary: 'Sign in',
  description: 'An unknown email and a wrong password get one and the same answer.',
  security: [],
  'x-notes': {
    bodies,
    replies: { 200: { description: 'A token for the user', example: session } },
    errors: ['invalid_credentials', 'rate_limited', 'unavailable'],
  },
}
