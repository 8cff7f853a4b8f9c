<?php
// A PHP shop's publisher on Guzzle, with the base URI in its constructor. It asks first before it sends a large file
// (Expect: 100-continue), as Guzzle does of itself.
require 'GuzzleHttp/autoload.php';

use GuzzleHttp\Client;

final class Publisher
{
    private Client $client;
    private array $headers = [];
    public string $account;

    public function __construct(string $baseUrl, string $id, string $secret)
    {
        $this->client = new Client(['base_uri' => rtrim($baseUrl, '/') . '/rest/v1/', 'timeout' => 120, 'expect' => true]);
        $session = $this->json('POST', 'app/session/token', [
            'auth' => [$id, $secret],
            'json' => ['grant_type' => 'session', 'expires_in' => 360],
        ]);
        $this->account = $session['mage_id'];
        $this->headers = ['Authorization' => 'Bearer ' . $session['ust']];
    }

    public function send(string $method, string $path, array $options = []): Psr\Http\Message\ResponseInterface
    {
        return $this->client->request($method, $path, $options + ['headers' => $this->headers]);
    }

    public function json(string $method, string $path, array $options = []): array
    {
        return json_decode((string) $this->send($method, $path, $options)->getBody(), true, 32, JSON_THROW_ON_ERROR);
    }
}

$eqp = new Publisher(getenv('BASE_URL'), getenv('APPLICATION_ID'), getenv('APPLICATION_SECRET'));
$user = "users/{$eqp->account}";
$profile = $eqp->json('PUT', $user, ['json' => ['action' => 'submit', 'personal_profile' => ['bio' => 'By Guzzle.']]]);
$eqp->json('POST', "$user/keys", ['json' => ['m2' => [['label' => 'guzzle']]]]);
$removed = $eqp->send('DELETE', "$user/keys/guzzle")->getStatusCode();

$file = getenv('PACKAGE');
[$code, $manual, $image] = array_column($eqp->json('POST', 'files/uploads', ['multipart' => [
    ['name' => 'file[]', 'filename' => basename($file), 'contents' => fopen($file, 'rb'), 'headers' => ['Content-Type' => 'application/zip']],
    ['name' => 'file[]', 'filename' => 'user.pdf', 'contents' => '%PDF-1.7', 'headers' => ['Content-Type' => 'application/pdf']],
    ['name' => 'file[]', 'filename' => 'icon.png', 'contents' => 'PNG', 'headers' => ['Content-Type' => 'image/png']],
]]), 'file_upload_id');
do {
    usleep(200000);
    $upload = $eqp->json('GET', "files/uploads/$code");
} while (in_array($upload['malware_status'], ['queued', 'in-progress'], true));

[$outcome] = $eqp->json('POST', 'products/packages', ['json' => [[
    'action' => ['technical' => 'submit', 'marketing' => 'submit'], 'type' => 'extension', 'platform' => 'M2', 'item_id' => 'guzzle',
    'name' => 'By Guzzle', 'version' => '1.0.0', 'release_notes' => 'None.', 'long_description' => 'x', 'license_type' => 'bsd',
    'version_compatibility' => [['edition' => 'CE', 'versions' => ['2.4']]], 'artifact' => ['file_upload_id' => $code],
    'documentation_artifacts' => ['user' => ['file_upload_id' => $manual]], 'categories' => ['//Extensions//Marketing//SEO/SEM'],
    'media_artifacts' => ['icon_image' => ['file_upload_id' => $image], 'gallery_images' => [['file_upload_id' => $image]]],
]]]);
$list = $eqp->send('GET', 'products/packages', ['query' => ['sort' => '+name,-version', 'limit' => -1]]);
echo json_encode([
    'account' => $eqp->account, 'bio' => $profile['personal_profile']['bio'], 'removed' => $removed,
    'submission' => $outcome['submission_id'], 'code' => $outcome['code'], 'file' => $code, 'size' => $upload['size'],
    'hash' => $upload['file_hash'], 'total' => (int) $list->getHeaderLine('X-Total-Count'),
    'sales' => count($eqp->json('GET', "$user/reports/sales")),
]), "\n";
