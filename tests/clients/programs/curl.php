<?php
// A PHP shop's publisher on the curl extension alone; the large file is announced (Expect: 100-continue).
$base = rtrim(getenv('BASE_URL'), '/') . '/rest/v1';
$bearer = [];
$curl = curl_init(); // one handle, so that connections are kept

function call(string $method, string $path, array $options = [], array $headers = []): array
{
    global $base, $bearer, $curl;

    $total = null;
    curl_reset($curl);
    curl_setopt_array($curl, $options + [
        CURLOPT_URL => $base . $path,
        CURLOPT_CUSTOMREQUEST => $method,
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_HTTPHEADER => array_merge($bearer, $headers),
        CURLOPT_TIMEOUT => 120,
        CURLOPT_ENCODING => '',
        CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$total): int {
            if (stripos($line, 'X-Total-Count:') === 0) {
                $total = (int) substr($line, 14);
            }
            return strlen($line);
        },
    ]);
    $body = curl_exec($curl);
    if ($body === false) {
        throw new RuntimeException("$method $path: " . curl_error($curl));
    }
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    $answer = $body === '' ? null : json_decode($body, true, 32, JSON_THROW_ON_ERROR);
    if ($status >= 400) {
        throw new RuntimeException("$method $path: $status {$answer['message']}");
    }
    return [$answer, $status, $total];
}

function send(string $method, string $path, array $body): array
{
    return call($method, $path, [CURLOPT_POSTFIELDS => json_encode($body)], ['Content-Type: application/json']);
}

[$session] = call('POST', '/app/session/token', [
    CURLOPT_USERPWD => getenv('APPLICATION_ID') . ':' . getenv('APPLICATION_SECRET'),
    CURLOPT_POSTFIELDS => '{"grant_type":"session"}',
], ['Content-Type: application/json']);
$bearer = ["Authorization: Bearer {$session['ust']}"];
$user = "/users/{$session['mage_id']}";

[$profile] = call('GET', $user);
send('POST', "$user/keys", ['m2' => [['label' => 'php curl']]]);
[, $removed] = call('DELETE', "$user/keys/" . rawurlencode('php curl'));

// The extension makes one name of several files unique; the API wants the same for all, so each goes by itself.
$ids = [];
file_put_contents('user.pdf', '%PDF-1.7');
file_put_contents('icon.png', 'PNG');
foreach ([[getenv('PACKAGE'), 'application/zip'], ['user.pdf', 'application/pdf'], ['icon.png', 'image/png']] as [$file, $type]) {
    [$uploads] = call('POST', '/files/uploads', [
        CURLOPT_POSTFIELDS => ['file[]' => new CURLFile($file, $type, basename($file))],
    ], ['Expect: 100-continue']);
    $ids[] = $uploads[0]['file_upload_id'];
}
[$code, $manual, $image] = $ids;

$item = [
    'action' => ['technical' => 'submit', 'marketing' => 'submit'], 'type' => 'extension', 'platform' => 'M2', 'item_id' => 'php-curl',
    'name' => 'By curl', 'version' => '1.0.0', 'release_notes' => 'None.', 'long_description' => 'x', 'license_type' => 'bsd',
    'version_compatibility' => [['edition' => 'CE', 'versions' => ['2.4']]], 'artifact' => ['file_upload_id' => $code],
    'documentation_artifacts' => ['user' => ['file_upload_id' => $manual]], 'categories' => ['//Extensions//Marketing//SEO/SEM'],
    'media_artifacts' => ['icon_image' => ['file_upload_id' => $image], 'gallery_images' => [['file_upload_id' => $image]]],
];
[[$outcome]] = send('POST', '/products/packages', [$item]);
for ($i = 0; $outcome['code'] === 1321 && $i < 200; $i++) {
    usleep(100000);
    [[$outcome]] = send('PUT', '/products/packages', [['item_id' => 'php-curl', 'action' => $item['action']]]);
}
[$upload] = call('GET', "/files/uploads/$code");
[, , $total] = call('GET', '/products/packages?limit=-1&sort=-created_at');
[$report] = call('GET', "$user/reports/pageviews");
echo json_encode([
    'account' => $session['mage_id'], 'email' => $profile['email'], 'removed' => $removed, 'submission' => $outcome['submission_id'],
    'code' => $outcome['code'], 'file' => $code, 'size' => $upload['size'], 'hash' => $upload['file_hash'], 'total' => $total,
    'pageviews' => count($report),
]), "\n";
