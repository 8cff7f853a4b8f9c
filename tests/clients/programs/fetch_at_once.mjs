// A migration on Node's fetch: 150 submissions at once, each with a session token of its own, as Promise.all makes it easy.
const { BASE_URL: base, APPLICATION_ID: id, APPLICATION_SECRET: secret } = process.env;
const count = 150;

async function json(path, options) {
  const response = await fetch(`${base}/rest/v1${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${answer.message}`);
  return answer;
}

async function token() {
  const { ust } = await json('/app/session/token', {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${id}:${secret}`)}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ grant_type: 'session' }),
  });
  return ust;
}

async function submit(number) {
  const item = {
    item_id: `at-once-${number}`,
    type: 'extension',
    platform: 'M2',
    name: `Extension ${number}`,
    version: '1.0.0',
    long_description: 'x'.repeat(number * 50),
  };
  const [outcome] = await json('/products/packages', {
    method: 'POST',
    headers: { Authorization: `Bearer ${await token()}`, 'Content-Type': 'application/json' },
    body: JSON.stringify([item]),
  });
  if (outcome.code !== 200) throw new Error(`${number}: ${outcome.code} ${outcome.message}`);
  return outcome.submission_id;
}

const submissions = await Promise.all(Array.from({ length: count }, (_, number) => submit(number)));
console.log(JSON.stringify({ submissions: new Set(submissions).size }));
