// A hosted component on Node's https, without any library: host, port and path are constants at its top, which is where
// somebody who moves it to another place edits it. It writes multipart by hand.
const { readFileSync } = require('node:fs');
const { basename } = require('node:path');

const place = new URL(process.env.BASE_URL);
const { [place.protocol === 'https:' ? 'https' : 'http']: transport } = { https: require('node:https'), http: require('node:http') };
const HOST = place.hostname;
const PORT = place.port;
const PREFIX = `${place.pathname.replace(/\/$/, '')}/rest/v1`;

const { APPLICATION_ID: id, APPLICATION_SECRET: secret, PACKAGE: file } = process.env;
const agent = new transport.Agent({ keepAlive: true, maxSockets: 4 });

function request(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = transport.request({ agent, method, host: HOST, port: PORT, path: PREFIX + path, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode >= 400) reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        else resolve({ status: response.statusCode, headers: response.headers, data: text && JSON.parse(text) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function main() {
  const { data: session } = await request('POST', '/app/session/token', {
    Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    'Content-Type': 'application/json',
  }, '{"grant_type":"session","expires_in":900}');
  const bearer = { Authorization: `Bearer ${session.ust}` };
  const json = { ...bearer, 'Content-Type': 'application/json' };
  const user = `/users/${session.mage_id}`;

  const { data: profile } = await request('GET', `${user}?style=summary`, bearer);
  await request('POST', `${user}/keys`, json, JSON.stringify({ m2: [{ label: 'https' }] }));
  const { status: removed } = await request('DELETE', `${user}/keys/https`, bearer);

  const boundary = '----eqp7MA4YWxk';
  const part = (name, type) => `--${boundary}\r\nContent-Disposition: form-data; name="file[]"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(part(basename(file), 'application/zip')), readFileSync(file),
    Buffer.from(`\r\n${part('user.pdf', 'application/pdf')}%PDF-1.7\r\n${part('icon.png', 'image/png')}PNG\r\n--${boundary}--\r\n`),
  ]);
  const { data: uploads } = await request('POST', '/files/uploads', {
    ...bearer, 'Content-Type': `multipart/form-data; boundary=${boundary}`, 'Content-Length': body.length,
  }, body);
  const [code, manual, image] = uploads.map((upload) => upload.file_upload_id);

  let upload;
  do {
    await new Promise((resolve) => setTimeout(resolve, 200));
    ({ data: upload } = await request('GET', `/files/uploads/${code}`, bearer));
  } while (upload.malware_status !== 'pass' && upload.malware_status !== 'passed');

  const { data: [outcome] } = await request('POST', '/products/packages', json, JSON.stringify([{
    action: { technical: 'submit' }, type: 'extension', platform: 'M2', name: 'By https', version: '1.0.0', release_notes: 'None.',
    version_compatibility: [{ edition: 'CE', versions: ['2.4'] }], artifact: { file_upload_id: code },
    documentation_artifacts: { user: { file_upload_id: manual } }, media_artifacts: { icon_image: { file_upload_id: image } },
  }]));
  const list = await request('GET', '/products/packages/?offset=0&limit=5', bearer);
  const { data: totals } = await request('GET', `${user}/reports/totals`, bearer);
  agent.destroy();
  console.log(JSON.stringify({
    account: session.mage_id, email: profile.email, removed, submission: outcome.submission_id, code: outcome.code, file: code,
    hash: upload.file_hash, total: Number(list.headers['x-total-count']), totals: totals.length,
  }));
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
