// Go's net/http and mime/multipart: server PORT FOLDER [CERTIFICATE KEY]
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	port, folder := os.Args[1], os.Args[2]
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		reader, err := r.MultipartReader()
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		var size int64
		buffer := make([]byte, 256<<10)
		for {
			part, err := reader.NextPart()
			if err == io.EOF {
				break
			} else if err != nil {
				http.Error(w, err.Error(), 400)
				return
			}
			file, _ := os.Create(folder + "/upload.bin")
			// Without ReadFrom, which would read in its own smaller pieces.
			n, _ := io.CopyBuffer(struct{ io.Writer }{file}, part, buffer)
			size += n
			file.Close()
		}
		fmt.Fprintf(w, "%d", size)
	})
	address := "127.0.0.1:" + port
	if len(os.Args) > 4 {
		panic(http.ListenAndServeTLS(address, os.Args[3], os.Args[4], nil))
	}
	panic(http.ListenAndServe(address, nil))
}
