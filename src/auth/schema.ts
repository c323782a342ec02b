import { type Static, t } from 'elysia'

/** The body of signup. Unknown fields are ignored. */
export const Signup = t.Object(
  {
    email: t.String({ format: 'email', maxLength: 254, description: 'an email address' }),
    password: t.String({ description: '8 to 128 characters' }),
  },
  { title: 'Signup', additionalProperties: true },
)

/** The body of login. A malformed email is answered like an unknown one. */
export const Login = t.Object(
  { email: t.String(), password: t.String() },
  { title: 'Login', additionalProperties: true },
)

/** A user in the answer of signup and login. */
export const UserReply = t.Object(
  {
    id: t.String(),
    email: t.Union([t.String(), t.Null()]),
    created_at: t.String({ format: 'date-time' }),
  },
  { title: 'User' },
)
export type UserReply = Static<typeof UserReply>

/** The answer of signup and login. */
export const Session = t.Object(
  {
    access_token: t.String(),
    token_type: t.Literal('Bearer'),
    expires_in: t.Integer({ description: 'seconds' }),
    user: UserReply,
  },
  { title: 'Session' },
)
export type Session = Static<typeof Session>
