// A client of the EQP API as a Node program has it, on the built-in fetch: settings from the environment.
const { BASE_URL: base, APPLICATION_ID: id, APPLICATION_SECRET: secret } = process.env;

async function call(method, path, authorization, body) {
  const response = await fetch(base + path, {
    method,
    headers: { Authorization: authorization, 'Content-Type': 'application/json', Accept: 'application/json, text/plain, */*' },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) {
    console.log('error', response.status, answer.message);
    process.exit(0);
  }
  return answer;
}

const basic = Buffer.from(`${id}:${secret}`).toString('base64');
const session = await call('POST', '/rest/v1/app/session/token', `Basic ${basic}`, { grant_type: 'session' });
console.log('token', session.ust, session.expires_in);
const account = await call('GET', `/rest/v1/users/${session.mage_id}`, `Bearer ${session.ust}`);
console.log('account', account.mage_id);
