// Go's net/http as a client, over TLS; in the clear with x/net's http2. Arguments: what
// to do, URL, file with the authority's certificate (or "-"), size. Prints one line of
// JSON.
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

type answer struct {
	Status    int    `json:"status"`
	Protocol  string `json:"protocol"`
	Text      string `json:"text"`
	Continued bool   `json:"continued"`
	Taken     int64  `json:"taken"`
}

// Endless text of which a reader takes what it wants; it counts.
type source struct{ offset, size int64 }

var chunk = bytes.Repeat([]byte("gophers all the way down "), 2000)

func (s *source) Read(p []byte) (int, error) {
	if s.offset >= s.size {
		return 0, io.EOF
	}
	from := chunk[s.offset%int64(len(chunk)):]
	if left := s.size - s.offset; int64(len(from)) > left {
		from = from[:left]
	}
	n := copy(p, from)
	s.offset += int64(n)
	return n, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func transport(trust string) http.RoundTripper {
	if trust == "-" {
		dial := func(network, address string, _ *tls.Config) (net.Conn, error) {
			return net.Dial(network, address)
		}
		return &http2.Transport{AllowHTTP: true, DialTLS: dial}
	}
	pem, err := os.ReadFile(trust)
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: pool},
		ForceAttemptHTTP2:     true,
		ExpectContinueTimeout: time.Minute,
	}
}

func do(client *http.Client, request *http.Request, body *source) answer {
	var found answer
	trace := &httptrace.ClientTrace{Got100Continue: func() { found.Continued = true }}
	traced := request.WithContext(httptrace.WithClientTrace(request.Context(), trace))
	response, err := client.Do(traced)
	must(err)
	text, err := io.ReadAll(response.Body)
	must(err)
	found.Status, found.Protocol, found.Text = response.StatusCode, response.Proto, string(text)
	found.Taken = body.offset
	return found
}

func put(url string, body *source) *http.Request {
	request, err := http.NewRequest("PUT", url, body)
	must(err)
	return request
}

// A form that is made while it is sent.
func form(url string, body *source) *http.Request {
	out, in := io.Pipe()
	writer := multipart.NewWriter(in)
	go func() {
		writer.WriteField("by", "go")
		file, _ := writer.CreateFormFile("file", "go.bin")
		io.Copy(file, body)
		writer.Close()
		in.Close()
	}()
	request, err := http.NewRequest("POST", url, out)
	must(err)
	request.Header.Set("Content-Type", writer.FormDataContentType())
	return request
}

func main() {
	what, url := os.Args[1], os.Args[2]
	client := &http.Client{Transport: transport(os.Args[3])}
	size, err := strconv.ParseInt(os.Args[4], 10, 64)
	must(err)
	count := 1
	if what == "fifty" {
		count = 50
	}
	answers := make([]answer, count)
	var all sync.WaitGroup
	for n := range answers {
		n, body := n, &source{size: size}
		request := put(fmt.Sprintf("%sput%d", url, n), body)
		switch what {
		case "form":
			request = form(url, body)
		case "expect":
			request.Header.Set("Expect", "100-continue")
			request.ContentLength = size
		case "trailers":
			request.Trailer = http.Header{"X-After": {"all sent"}}
		}
		all.Add(1)
		go func() { answers[n] = do(client, request, body); all.Done() }()
	}
	all.Wait()
	digest := sha256.New()
	io.Copy(digest, &source{size: size})
	sum := fmt.Sprintf("%x", digest.Sum(nil))
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{"sha256": sum, "answers": answers}))
}
